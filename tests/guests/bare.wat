;; A plugin without a compiler: says its id and lists nothing. For what no language but this one can express, a test
;; puts more fields in the place of the last line.
(module
  (memory (export "memory") (;pages;) 1)
  (data (i32.const 16) "hostile")
  ;; `provider-info` begins with the id: where it is and how long.
  (data (i32.const 1024) "\10\00\00\00\07\00\00\00")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 8192)
  (func (export "openclaw:model-provider/provider@0.2.0#describe") (result i32) i32.const 1024)
  ;; Zeros are an empty list, and a good end.
  (func (export "openclaw:model-provider/provider@0.2.0#list-models") (param i32) (result i32) i32.const 2048)
  (func (export "openclaw:model-provider/provider@0.2.0#resolve-ref") (param i32 i32) (result i32) unreachable)
  (func (export "openclaw:model-provider/provider@0.2.0#chat-complete") (param i32) (result i32) unreachable)
  (func (export "openclaw:model-provider/provider@0.2.0#chat-stream") (param i32) (result i32) unreachable)
  (func (export "openclaw:model-provider/provider@0.2.0#[method]completion.read") (param i32 i32 i32) (result i32)
    unreachable)
  ;; more
)
