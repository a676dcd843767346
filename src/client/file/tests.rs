use super::*;
use crate::client::Registry;
use crate::event::{ErrorKind, Permissions, Reply};
use serde_json::json;
use std::os::unix::fs::symlink;
use std::sync::Arc;

/// A folder `in` where a task may read and write, and a folder `out` beside it where it may not.
struct Location {
    _folder: tempfile::TempDir,
    root: PathBuf,
}

impl Location {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("in/sub")).unwrap();
        std::fs::create_dir(root.join("out")).unwrap();
        std::fs::write(root.join("out/secret"), "secret").unwrap();
        Self {
            _folder: folder,
            root,
        }
    }

    fn inside(&self, name: &str) -> PathBuf {
        self.root.join("in").join(name)
    }

    async fn call(&self, request: Json) -> Result<Reply, Failure> {
        let inside = self.root.join("in");
        let context = Context {
            permissions: Arc::new(Permissions {
                write: vec![inside.clone()],
                ..Permissions::standard(&inside)
            }),
            folder: inside,
            trace: Arc::new(crate::event::Trace::of("", 0)),
        };
        let client = Registry::builtin().get("file").unwrap();
        let session = client.open(Json::Null, &context).await?;
        session.call(&request, &Scope::new()).await
    }

    async fn res(&self, request: Json) -> Json {
        Json::clone(&self.call(request).await.unwrap().value)
    }

    async fn failure(&self, request: Json) -> Failure {
        self.call(request).await.unwrap_err()
    }
}

#[tokio::test]
async fn what_is_written_can_be_read() {
    let place = Location::new();
    let path = place.inside("sub/a.txt");
    let wrote = place
        .res(json!({ "write": "sub/a.txt", "text": "hé\n" }))
        .await;
    assert_eq!(wrote, json!({ "path": path, "size": 4 }));
    let more = place
        .res(json!({ "append": "sub/../sub/a.txt", "json": [1] }))
        .await;
    assert_eq!(more, json!({ "path": path, "size": 8 }));
    assert_eq!(
        place.res(json!({ "read": "sub/a.txt" })).await,
        json!({ "path": path, "size": 8, "text": "hé\n[1]\n", "body": "hé\n[1]\n" })
    );
    place
        .res(json!({ "write": "sub/a.txt", "base64": "AP8=" }))
        .await;
    assert_eq!(std::fs::read(&path).unwrap(), [0, 255]);
    assert_eq!(
        place.res(json!({ "read": "sub/a.txt" })).await["text"],
        "\0\u{fffd}"
    );
    place.res(json!({ "append": "new.log", "text": 5 })).await;
    assert_eq!(std::fs::read(place.inside("new.log")).unwrap(), b"5");
    let left: Vec<_> = std::fs::read_dir(place.inside("sub")).unwrap().collect();
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn data_is_parsed() {
    let place = Location::new();
    std::fs::write(place.inside("a.json"), "{\"id\":18446744073709551616}").unwrap();
    std::fs::write(place.inside("a.yml"), "a: [1, yes]\n").unwrap();
    std::fs::write(place.inside("bad.json"), "{").unwrap();
    std::fs::write(place.inside("bad.yaml"), "a: [").unwrap();
    assert_eq!(
        place.res(json!({ "read": "a.json" })).await["body"],
        json!({ "id": "18446744073709551616" })
    );
    assert_eq!(
        place.res(json!({ "read": "a.yml" })).await["body"]["a"][0],
        1
    );
    for (path, kind) in [("bad.json", "JSON"), ("bad.yaml", "YAML")] {
        let failure = place.failure(json!({ "read": path })).await;
        assert!(
            failure.message.contains(&format!("is no {kind}")),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn existence_is_told() {
    let place = Location::new();
    std::fs::write(place.inside("a"), "").unwrap();
    for (path, exists) in [
        ("a", true),
        ("sub", true),
        ("b", false),
        ("none/deep/b", false),
        ("a/b", false),
    ] {
        assert_eq!(
            place.res(json!({ "exists": path })).await,
            json!({ "path": place.inside(path), "exists": exists })
        );
    }
}

#[tokio::test]
async fn nothing_leads_out() {
    let place = Location::new();
    symlink(place.root.join("out"), place.inside("link")).unwrap();
    symlink(place.root.join("out/secret"), place.inside("file-link")).unwrap();
    symlink(place.root.join("out/made"), place.inside("dangling")).unwrap();
    let secret = place.root.join("out/secret");
    for path in [
        "../out/secret",
        "link/secret",
        "file-link",
        secret.to_str().unwrap(),
        "sub/../../out/secret",
    ] {
        for request in [
            json!({ "read": path }),
            json!({ "exists": path }),
            json!({ "write": path, "text": "x" }),
            json!({ "append": path, "text": "x" }),
        ] {
            let refused = place.failure(request.clone()).await;
            assert!(
                refused.message.contains("the task may not"),
                "{request}: {refused:?}"
            );
            assert!(refused.hint.unwrap().contains("--allow-"));
        }
    }
    for path in ["link/made", "../out/made", "dangling"] {
        place.failure(json!({ "write": path, "text": "x" })).await;
        place.failure(json!({ "append": path, "text": "x" })).await;
        place.failure(json!({ "exists": "link/none/deep" })).await;
    }
    assert!(!place.root.join("out/made").exists());
    assert_eq!(std::fs::read_to_string(secret).unwrap(), "secret");
}

#[tokio::test]
async fn only_regular_files_of_some_size() {
    let place = Location::new();
    let fifo = place.inside("fifo");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let large = std::fs::File::create(place.inside("large")).unwrap();
    large.set_len(MAX_FILE + 1).unwrap();
    for (request, kind, part) in [
        (
            json!({ "read": "fifo" }),
            ErrorKind::Protocol,
            "no regular file",
        ),
        (
            json!({ "append": "fifo", "text": "x" }),
            ErrorKind::Protocol,
            "no regular file",
        ),
        (
            json!({ "read": "sub" }),
            ErrorKind::Protocol,
            "it is a folder",
        ),
        (
            json!({ "write": "sub", "text": "x" }),
            ErrorKind::Protocol,
            "it is a folder",
        ),
        (
            json!({ "read": "large" }),
            ErrorKind::Resource,
            "longer than 16777216 bytes",
        ),
        (
            json!({ "read": "none" }),
            ErrorKind::Protocol,
            "\"none\": it does not exist",
        ),
        (
            json!({ "write": "none/a", "text": "x" }),
            ErrorKind::Protocol,
            "\"none/a\": it does not exist",
        ),
    ] {
        let failure = place.failure(request).await;
        assert_eq!(failure.kind, kind);
        assert!(failure.message.contains(part), "{failure:?}");
    }
    let none = place.failure(json!({ "read": "none" })).await;
    assert!(none.hint.unwrap().contains("paths are relative to"));
}

#[tokio::test]
async fn mistakes_are_named() {
    let place = Location::new();
    for (request, part) in [
        (json!({}), "does not say what to do"),
        (json!({ "read": "" }), "`read` is empty"),
        (
            json!({ "read": "a", "exists": "b" }),
            "both `read` and `exists`",
        ),
        (json!({ "read": "a", "text": "b" }), "takes no `text`"),
        (json!({ "write": "a" }), "nothing to write to \"a\""),
        (
            json!({ "write": "a", "text": "b", "json": null }),
            "several of",
        ),
        (
            json!({ "write": "a", "base64": "%" }),
            "`base64` is not valid",
        ),
        (json!({ "raed": "a" }), "unknown field `raed`"),
    ] {
        let failure = place.failure(request).await;
        assert!(failure.message.contains(part), "{failure:?}");
    }
    assert!(
        File::short_request("a.txt")
            .unwrap_err()
            .contains("{read: a.txt}")
    );
    assert_eq!(
        File::label(&json!({ "text": "x", "write": "a" })),
        "write a"
    );
    assert!(File::is_safe(&json!({ "exists": "a" })) && !File::is_safe(&json!({ "append": "a" })));
}
