//! The published shapes, and a value held to one.

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::Value;

/// Panics with all that is wrong, unless `value` is as `shape` says: a file and a name in it, such as
/// `charge.json#/$defs/answer`.
pub(crate) fn hold(shape: &str, value: &Value) {
    let (schemas, index) = compile(shape);
    let wrong = schemas.validate(value, index).err().map(|it| format!("{it:#}"));
    assert!(
        wrong.is_none(),
        "{shape}: {}\n{value:#}",
        wrong.unwrap_or_default()
    );
}

/// Whether `value` is as `shape` says.
fn fits(shape: &str, value: &Value) -> bool {
    let (schemas, index) = compile(shape);
    schemas.validate(value, index).is_ok()
}

fn compile(shape: &str) -> (Schemas, SchemaIndex) {
    let location = format!("{}/published/{shape}", env!("CARGO_MANIFEST_DIR"));
    let mut compiler = Compiler::new();
    compiler.set_default_draft(Draft::V2020_12);
    let mut schemas = Schemas::new();
    let index = compiler.compile(&location, &mut schemas).expect(shape);
    (schemas, index)
}

#[test]
fn the_shapes_refuse_what_is_wrong() {
    use serde_json::json;
    let request = json!({"email": "a@example.com", "amount": 100, "authorization_code": "AUTH_x"});
    let shape = "charge.json#/$defs/request";
    assert!(fits(shape, &request));
    for (field, wrong) in [
        ("amount", json!("100")),
        ("amount", json!(0)),
        ("amount", json!(1.5)),
        ("email", json!("nobody")),
        ("reference", json!("a_b")),
        ("currency", json!("EUR")),
        ("metadata", json!({"account": "1"})),
        ("authorisation_code", json!("AUTH_x")),
    ] {
        let mut request = request.clone();
        request[field] = wrong;
        assert!(!fits(shape, &request), "{request}");
    }
    assert!(!fits(
        "error.json#/$defs/error",
        &json!({"status": false, "message": "m"})
    ));
    assert!(!fits(
        "webhook.json#/$defs/event",
        &json!({"event": "charge.failed", "data": {}})
    ));
    assert!(!fits(
        "charge.json#/$defs/answer",
        &json!({"status": true, "message": "m", "data": {}})
    ));
}
