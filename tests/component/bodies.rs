//! Large bodies in both directions: nothing is copied twice, and a slow reader slows the upstream down.

use std::time::Duration;

use mock_router::MockOptions;
use model_provider_host::contract::{ContentPart, Media, MediaSource, Message};

use crate::harness::{Harness, question};

const VISION_MODEL: &str = "huggingface/moonshotai/Kimi-K2.5";

#[tokio::test]
async fn a_picture_of_20_mb_is_sent_without_a_second_copy_in_the_guest() {
    const SIZE: usize = 20 * 1024 * 1024;
    let mut picture = vec![0x5a; SIZE];
    picture[..8].copy_from_slice(b"\x89PNG\r\n\x1a\n");
    let mut request = question(VISION_MODEL, "What is this?");
    let media = Media::new("image/png", MediaSource::Data(picture));
    request
        .messages
        .push(Message::user_parts(vec![ContentPart::Media(media)]));
    // Twice the picture would not fit, let alone the picture and its base64.
    let harness = Harness::with()
        .setting("max-memory-bytes", "33554432")
        .start()
        .await;
    harness.send(request).await.summary();
    let requests = harness.mock.requests();
    let sent = requests.last().unwrap();
    assert!(sent.body.len() > SIZE / 3 * 4);
    let body = sent.json();
    let url = body["messages"][1]["content"][0]["image_url"]["url"]
        .as_str()
        .unwrap();
    assert!(url.starts_with("data:image/png;base64,iVBORw0KGgpaWlpa"));
}

#[tokio::test]
async fn a_slow_reader_slows_the_upstream_down() {
    let harness = Harness::with()
        .mock(|_| MockOptions::immediate().scenario("endless"))
        .start()
        .await;
    let mut completion = harness
        .host
        .chat(question("huggingface/Qwen/Qwen3-8B", "Go on."))
        .await
        .unwrap();
    completion.next().await.unwrap();
    // The buffers on the way fill; then nothing more is sent.
    let mut last = 0;
    let mut still = 0;
    while still < 3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let sent = harness.mock.body_bytes_sent();
        still = if sent == last { still + 1 } else { 0 };
        last = sent;
        assert!(
            sent < 32 * 1024 * 1024,
            "{sent} bytes were taken in without a reader"
        );
    }
}
