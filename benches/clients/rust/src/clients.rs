//! One request with each client, as in its documentation.

use async_openai::{
    config::OpenAIConfig,
    types::chat::{
        ChatCompletionRequestUserMessage, CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
    },
};
use futures::StreamExt as _;
use genai::{
    ModelIden, ServiceTarget,
    adapter::AdapterKind,
    chat::{ChatMessage, ChatOptions, ChatRequest, ChatStreamEvent},
    resolver::{AuthData, Endpoint, ServiceTargetResolver},
};
use serde_json::{Value, json};

pub type Fault = Box<dyn std::error::Error>;

const MODEL: &str = "meta-llama/Llama-3.3-70B-Instruct";
const MAX_TOKENS: u32 = 46;

/// A client with one base URL.
pub enum Client {
    AsyncOpenai(Box<async_openai::Client<OpenAIConfig>>),
    Genai(genai::Client),
    /// Plain HTTP and JSON, without a client library.
    Reqwest {
        http: reqwest::Client,
        url: String,
        key: String,
    },
}

impl Client {
    pub fn new(name: &str, key: &str, url: &str) -> Result<Self, Fault> {
        Ok(match name {
            "async-openai" => {
                let config = OpenAIConfig::new().with_api_base(url).with_api_key(key);
                Self::AsyncOpenai(Box::new(async_openai::Client::with_config(config)))
            }
            "genai" => {
                let (endpoint, auth) = (
                    Endpoint::from_owned(format!("{url}/")),
                    AuthData::from_single(key),
                );
                let resolver = ServiceTargetResolver::from_resolver_fn(move |target: ServiceTarget| {
                    Ok(ServiceTarget {
                        endpoint: endpoint.clone(),
                        auth: auth.clone(),
                        model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
                    })
                });
                Self::Genai(
                    genai::Client::builder()
                        .with_service_target_resolver(resolver)
                        .build()?,
                )
            }
            "reqwest" => Self::Reqwest {
                http: reqwest::Client::new(),
                url: url.to_owned(),
                key: key.to_owned(),
            },
            other => return Err(format!("no client {other}").into()),
        })
    }

    /// A whole response; returns its text.
    pub async fn whole(&self) -> Result<String, Fault> {
        let text = match self {
            Self::AsyncOpenai(client) => {
                let answer = client.chat().create(request()?).await?;
                answer
                    .choices
                    .into_iter()
                    .next()
                    .and_then(|choice| choice.message.content)
            }
            Self::Genai(client) => {
                let answer = client.exec_chat(MODEL, question(), Some(&options())).await?;
                answer.first_text().map(str::to_owned)
            }
            Self::Reqwest { http, url, key } => {
                let answer: Value = post(http, url, key, false).await?.json().await?;
                answer["choices"][0]["message"]["content"]
                    .as_str()
                    .map(str::to_owned)
            }
        };
        text.ok_or_else(|| "a response without text".into())
    }

    /// A streaming response, delta by delta.
    pub async fn streamed(&self, mut piece: impl FnMut(&str)) -> Result<(), Fault> {
        match self {
            Self::AsyncOpenai(client) => {
                let mut stream = client.chat().create_stream(request()?).await?;
                while let Some(chunk) = stream.next().await {
                    for choice in chunk?.choices {
                        piece(&choice.delta.content.unwrap_or_default());
                    }
                }
            }
            Self::Genai(client) => {
                let mut answer = client
                    .exec_chat_stream(MODEL, question(), Some(&options()))
                    .await?;
                while let Some(event) = answer.stream.next().await {
                    if let ChatStreamEvent::Chunk(chunk) = event? {
                        piece(&chunk.content);
                    }
                }
            }
            Self::Reqwest { http, url, key } => {
                let mut answer = post(http, url, key, true).await?;
                let mut held = Vec::new();
                while let Some(bytes) = answer.chunk().await? {
                    held.extend_from_slice(&bytes);
                    while let Some(end) = held.iter().position(|byte| *byte == b'\n') {
                        let line: Vec<u8> = held.drain(..=end).collect();
                        let Some(data) = line.strip_prefix(b"data: ") else {
                            continue;
                        };
                        if data.starts_with(b"[DONE]") {
                            return Ok(());
                        }
                        let chunk: Value = serde_json::from_slice(data)?;
                        piece(
                            chunk["choices"][0]["delta"]["content"]
                                .as_str()
                                .unwrap_or_default(),
                        );
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether it can list models.
    pub fn lists(&self) -> bool {
        // This one lists names at its own adapters' addresses only.
        !matches!(self, Self::Genai(_))
    }

    /// The number of models.
    pub async fn list(&self) -> Result<usize, Fault> {
        match self {
            Self::AsyncOpenai(client) => Ok(client.models().list().await?.data.len()),
            Self::Genai(_) => Err("it has no call for it".into()),
            Self::Reqwest { http, url, key } => {
                let list = http.get(format!("{url}/models")).bearer_auth(key).send().await?;
                let list: Value = list.error_for_status()?.json().await?;
                Ok(list["data"].as_array().map_or(0, Vec::len))
            }
        }
    }
}

fn text() -> String {
    "say it in many words ".repeat(12)
}

fn request() -> Result<CreateChatCompletionRequest, Fault> {
    let message = ChatCompletionRequestUserMessage::from(text());
    let mut request = CreateChatCompletionRequestArgs::default();
    Ok(request
        .model(MODEL)
        .max_completion_tokens(MAX_TOKENS)
        .messages([message.into()])
        .build()?)
}

fn question() -> ChatRequest {
    ChatRequest::new(vec![ChatMessage::user(text())])
}

fn options() -> ChatOptions {
    ChatOptions::default().with_max_tokens(MAX_TOKENS)
}

async fn post(
    http: &reqwest::Client,
    url: &str,
    key: &str,
    stream: bool,
) -> Result<reqwest::Response, Fault> {
    let message = json!({"role": "user", "content": text()});
    let body = json!({"model": MODEL, "messages": [message], "max_tokens": MAX_TOKENS, "stream": stream});
    let sent = http
        .post(format!("{url}/chat/completions"))
        .bearer_auth(key)
        .json(&body)
        .send()
        .await?;
    Ok(sent.error_for_status()?)
}
