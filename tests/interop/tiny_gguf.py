"""Writes a language model of half a megabyte with random weights, as GGUF: `tiny_gguf.py FILE`.

What it says makes no sense, but the engine that runs it is the real one. The vocabulary is one token per byte and a
few words, so that responses contain spaces, control characters and broken UTF-8; a grammar in the request makes it say
something definite, and a bias on `CALL` makes it call a tool. The seed is fixed: the same file each time.
"""

import sys

import gguf
import numpy

HEADS, CONTEXT = 4, 4096
WORDS = ["\u2581hello", "\u2581world", "\u2581model", "\u2581caf\u00e9", "\u2581\u65e5\u672c", "\u2581the", "\u2581of", "."]
# The token that ends a response.
END_ID = 2
# The token that begins a call of a tool, and its number: behind the three special tokens, the bytes and the words.
CALL, CALL_ID = "<tool_call>\n", 3 + 256 + len(WORDS)
# From the template the engine learns how this model writes tool calls, and makes a grammar of it.
TEMPLATE = """
{%- if tools %}<|im_start|>system
Tools:
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}<|im_end|>
{% endif %}
{%- for message in messages %}
{%- if message.role == "assistant" %}<|im_start|>assistant
{{ message.content or "" }}
{%- for call in message.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% elif message.role == "tool" %}<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% else %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def vocabulary(more):
    """Gives the tokens, their scores and their types; `more` of them have no use."""
    kind = gguf.TokenType
    rows = [("<unk>", 0.0, kind.UNKNOWN), ("<s>", 0.0, kind.CONTROL), ("</s>", 0.0, kind.CONTROL)]
    rows += [(f"<0x{byte:02X}>", 0.0, kind.BYTE) for byte in range(256)]
    rows += [(word, -1.0 - rank, kind.NORMAL) for rank, word in enumerate(WORDS)]
    rows.append((CALL, 0.0, kind.USER_DEFINED))
    return rows + [(f"filler{number}", -99.0, kind.NORMAL) for number in range(more)]


def write(path, width=64, layers=2, inner=128, more=0):
    """Writes the model to `path`. Larger figures make one that responds later; `more` words, one that is loaded later."""
    random = numpy.random.default_rng(2024)
    rows = vocabulary(more)
    out = gguf.GGUFWriter(path, "llama")
    out.add_name("tiny")
    out.add_context_length(CONTEXT)
    out.add_embedding_length(width)
    out.add_block_count(layers)
    out.add_feed_forward_length(inner)
    out.add_head_count(HEADS)
    out.add_head_count_kv(HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(width // HEADS)
    out.add_vocab_size(len(rows))
    out.add_tokenizer_model("llama")
    out.add_token_list([text for text, _, _ in rows])
    out.add_token_scores([score for _, score, _ in rows])
    out.add_token_types([kind for _, _, kind in rows])
    out.add_unk_token_id(0)
    out.add_bos_token_id(1)
    out.add_eos_token_id(END_ID)
    # Else the engine finds a space before what its own grammar begins with.
    out.add_add_space_prefix(False)
    out.add_chat_template(TEMPLATE)

    def tensor(name, *shape):
        out.add_tensor(name, random.standard_normal(shape, dtype=numpy.float32) * numpy.float32(0.2))

    def ones(name):
        out.add_tensor(name, numpy.ones(width, dtype=numpy.float32))

    tensor("token_embd.weight", len(rows), width)
    tensor("output.weight", len(rows), width)
    ones("output_norm.weight")
    for layer in range(layers):
        block = f"blk.{layer}"
        ones(f"{block}.attn_norm.weight")
        ones(f"{block}.ffn_norm.weight")
        for part in ("q", "k", "v", "output"):
            tensor(f"{block}.attn_{part}.weight", width, width)
        tensor(f"{block}.ffn_gate.weight", inner, width)
        tensor(f"{block}.ffn_up.weight", inner, width)
        tensor(f"{block}.ffn_down.weight", width, inner)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    write(sys.argv[1])
