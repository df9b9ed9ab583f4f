//! Edits of a text: what changes, and what is preserved.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn edited(text: &str, change: impl FnOnce(&mut Edit) -> Result<()>) -> Result<String> {
    let mut edit = Edit::new(Path::new("c.json5"), text, None)?;
    change(&mut edit)?;
    Ok(edit.finish()?.to_string())
}

#[test]
fn only_what_has_to_change_does() {
    let text = "// mine\n{\n  b: 'x', /* why */\n  'a': { n: .5, h: 0xFF, i: +Infinity }, // end\n  l: ['q\\\n',],\n}\n";
    let new = edited(text, |edit| {
        edit.set(&["a", "x y"], json!({"on": true}))?;
        edit.set(&["b"], json!("z"))
    })
    .unwrap();
    for kept in [
        "// mine\n",
        "/* why */",
        "n: .5, h: 0xFF, i: +Infinity",
        "// end",
        "l: ['q\\\n',],",
    ] {
        let kept = kept.replace(", ", ",");
        assert!(
            new.replace(", ", ",").replace("\n    ", "").contains(&kept) || new.contains(&kept),
            "{kept}: {new}"
        );
    }
    assert!(new.find("b:").unwrap() < new.find("'a'").unwrap(), "{new}");
    let value: Value = json5::from_str(&new).unwrap();
    assert_eq!(
        (&value["a"]["x y"]["on"], &value["b"]),
        (&json!(true), &json!("z"))
    );
}

#[test]
fn what_is_set_already_leaves_the_text_as_it_is() {
    let text = "{a:{b:null,c:1e0}}";
    assert_eq!(
        edited(text, |edit| edit.set(&["a", "c"], json!(1.0))).unwrap(),
        text
    );
    let new = edited(text, |edit| edit.set(&["a", "b", "d"], json!(1))).unwrap();
    assert_eq!(json5::from_str::<Value>(&new).unwrap()["a"]["b"]["d"], 1);
    assert_eq!(
        edited("{ a: 1, b: 2 }", |edit| {
            edit.remove(&["b"])?;
            edit.remove(&["no", "such"])?;
            Ok(())
        })
        .map(|text| json5::from_str::<Value>(&text).unwrap())
        .unwrap(),
        json!({"a": 1})
    );
}

#[test]
fn an_empty_file_becomes_an_object() {
    for text in ["", " \n", "\u{feff}"] {
        let new = edited(text, |edit| edit.set(&["a"], json!(1))).unwrap();
        assert_eq!(new, "{\n  \"a\": 1\n}\n");
    }
}

#[test]
fn a_byte_order_mark_stays_where_it_is() {
    let new = edited("\u{feff}// mine\n{ a: 1 }\n", |edit| edit.set(&["b"], json!(2))).unwrap();
    assert!(new.starts_with("\u{feff}// mine\n{"), "{new:?}");
    assert_eq!(json5::from_str::<Value>(&new).unwrap(), json!({"a": 1, "b": 2}));
}

#[test]
fn what_cannot_be_edited_is_reported_and_unchanged() {
    let error = edited("{ a: 1 }", |edit| edit.set(&["a", "b"], json!(1))).unwrap_err();
    assert!(
        error.message().contains("`a` is not an object in braces"),
        "{error}"
    );
    // Of duplicate keys the last one wins, and it is the one that is edited.
    let new = edited("{ a: {x: 1}, a: {y: 2} }", |edit| edit.set(&["a", "z"], json!(3))).unwrap();
    assert_eq!(
        json5::from_str::<Value>(&new).unwrap(),
        json!({"a": {"y": 2, "z": 3}})
    );
    assert!(edited("{ a: ", |_| Ok(())).is_err());
}

#[test]
fn a_link_stays_a_link_and_the_previous_file_is_backed_up() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real.json"), dir.path().join("link.json"));
    std::fs::write(&real, "{ a: 1 } // old").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&real, &link).unwrap();
    #[cfg(not(unix))]
    std::fs::copy(&real, &link).unwrap();
    let set = |edit: &mut Edit| edit.set(&["a"], json!(2));
    assert!(file(&link, Backup::Keep, set).unwrap());
    assert!(!file(&link, Backup::Keep, set).unwrap());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&real), mode(&dir.path().join("real.json.bak"))),
            (0o600, 0o600)
        );
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "{ a: 2 } // old");
        assert_eq!(
            std::fs::read_to_string(dir.path().join("real.json.bak")).unwrap(),
            "{ a: 1 } // old"
        );
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o400)).unwrap();
        file(&link, Backup::None, |edit| edit.set(&["a"], json!(3))).unwrap();
        assert_eq!(mode(&real), 0o400, "a stricter mode stays");
    }
}

#[test]
fn concurrent_writers_do_not_lose_each_others_edits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.json");
    std::thread::scope(|scope| {
        for n in 0..8 {
            let path = &path;
            scope.spawn(move || {
                file(path, Backup::None, |edit| {
                    edit.set(&["all", &format!("k{n}")], json!(n))
                })
                .unwrap();
            });
        }
    });
    let value: Value = json5::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(value["all"].as_object().unwrap().len(), 8);
}

proptest! {
    #[test]
    fn no_text_makes_it_fail(text in "[{}\\[\\]a:,'\"/*\n 1.x+-]{0,30}", key in "[a-c\"' é]{1,3}") {
        let _ = edited(&text, |edit| edit.set(&[&key, "a"], json!([{ "b": 1 }])));
    }
}
