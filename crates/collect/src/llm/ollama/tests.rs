use super::*;

#[test]
fn loaded_models_are_told_with_size_and_end() {
    let body = r#"{"models":[{"name":"llama3.2:3b","size":4000000000,"size_vram":3000000000,"context_length":8192,
        "expires_at":"2026-11-21T12:00:00.5+01:00","details":{"family":"llama"}},{"size":1},{"name":"odd","expires_at":"never"}]}"#;
    let mut out = Collection::default();
    read("127.0.0.1:11434", body, &mut out).unwrap();
    let families = out.into_families();
    let value =
        |name: &str| families.iter().find(|family| family.name == name).map(|family| family.points[0].value);
    assert_eq!(value("ollama_models_loaded"), Some(3.0));
    assert_eq!(value("ollama_model_vram_bytes"), Some(3e9));
    assert_eq!(value("ollama_model_context_tokens"), Some(8192.0));
    assert_eq!(value("ollama_model_expires_timestamp_seconds"), Some(1_795_258_800.5));
}

#[test]
fn what_is_no_list_of_models_is_refused() {
    for body in ["", "[]", "{}", "{\"models\":3}", "<html>"] {
        assert!(read("a", body, &mut Collection::default()).is_none(), "{body}");
    }
}
