//! The canonical form of JSON (RFC 8785) that is signed or digested: no white space, members in the order of their names. Numbers
//! are integers below 2^53 wherever it is used, so that nothing else of the RFC applies.
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A value in canonical form.
pub(crate) fn canonical(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).expect("what is signed holds nothing that JSON cannot express");
    let mut text = String::new();
    write(&value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            text.push('{');
            for (place, (name, member)) in sorted.into_iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write(member, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}
