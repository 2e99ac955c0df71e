use riverrun_core::access::{NotAToken, SecretHash, TokenSecret};

use crate::support::secret;

#[test]
fn a_token_is_recognised_and_found_by_its_public_id() {
    let text = secret(7).reveal();
    assert!(text.starts_with("rrt_") && text.len() == 74, "{} characters", text.len());
    let parsed = TokenSecret::parse(text.as_bytes()).expect("a token");
    assert_eq!((parsed.public_id(), parsed.hash()), (secret(7).public_id(), secret(7).hash()));
}

#[test]
fn every_single_character_typed_wrong_is_refused_without_a_look_up() {
    let text = secret(7).reveal();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(TokenSecret::parse(&bytes).err(), Some(NotAToken), "character {at}");
    }
    for not in ["", "rrt_", &text[..73], &text[4..], &format!("{text}A"), &format!("{text}="), &format!(" {text}")] {
        assert_eq!(TokenSecret::parse(not.as_bytes()).err(), Some(NotAToken), "{} characters", not.len());
    }
}

#[test]
fn only_the_secret_itself_verifies_and_an_unknown_id_never_does() {
    let stored = secret(7).hash();
    assert!(SecretHash::verify(Some(stored), &secret(7)));
    assert!(!SecretHash::verify(Some(stored), &TokenSecret::new([7; 16], [7; 32])));
    assert!(!SecretHash::verify(None, &secret(7)));
}

#[test]
fn nothing_of_a_secret_is_in_its_debug_text() {
    let secret = TokenSecret::new([7; 16], *b"thirty-two-bytes-thirty-two-byte");
    let shown = format!("{secret:?} {:?}", secret.hash());
    assert!(!shown.contains("thirty") && !shown.contains("116, 104") && !shown.contains("rrt_"), "{shown}");
}
