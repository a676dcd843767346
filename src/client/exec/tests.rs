use super::*;
use crate::client::Registry;
use crate::event::{ErrorKind, Grant, Permissions, Reply};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

async fn call_in(
    scope: &Scope,
    folder: &Path,
    permissions: Permissions,
    request: Json,
) -> Result<Reply, Failure> {
    let context = Context {
        permissions: Arc::new(permissions),
        folder: folder.to_owned(),
        trace: Arc::new(crate::event::Trace::of("", 0)),
    };
    let client = Registry::builtin().get("exec").unwrap();
    let session = client.open(Json::Null, &context).await?;
    session.call(&request, scope).await
}

async fn call(request: Json) -> Result<Reply, Failure> {
    call_in(
        &Scope::new(),
        Path::new("/"),
        Permissions::everything(),
        request,
    )
    .await
}

async fn res(request: Json) -> Json {
    Json::clone(&call(request).await.unwrap().value)
}

fn sh(script: &str) -> Json {
    json!({ "command": ["sh", "-c", script] })
}

/// Whether a process is there, dead ones that nobody took away included.
fn exists(pid: &str) -> bool {
    Path::new("/proc").join(pid.trim()).exists()
}

/// Waits until a file holds as many whole lines.
async fn lines(file: &Path, count: usize) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if text.ends_with('\n') && text.lines().count() >= count {
            return text.lines().map(str::to_owned).collect();
        }
        assert!(Instant::now() < deadline, "{file:?} holds {text:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_process_gives_its_code_and_output() {
    let reply = call(sh("printf '{\"a\":1}'; printf oops >&2; exit 3"))
        .await
        .unwrap();
    assert_eq!(
        *reply.value,
        json!({ "code": 3, "stdout": "{\"a\":1}", "stderr": "oops", "body": { "a": 1 } })
    );
    assert!(reply.summary.contains("→ exit 3 in "), "{}", reply.summary);
    assert_eq!(reply.received, 11);
    let text = res(json!({ "command": ["echo", "it's", 5, true] })).await;
    assert_eq!(
        (&text["stdout"], &text["body"]),
        (&json!("it's 5 true\n"), &json!("it's 5 true"))
    );
    let killed = res(sh("kill -9 $$")).await;
    assert_eq!(
        (&killed["code"], &killed["signal"]),
        (&Json::Null, &json!(9))
    );
}

#[tokio::test]
async fn the_environment_is_clean() {
    let seen = res(json!({ "command": ["env"], "env": { "A": "b c", "N": 5 } })).await;
    let names: Vec<_> = seen["stdout"]
        .as_str()
        .unwrap()
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    assert!(names.contains(&"PATH") && names.contains(&"A") && names.contains(&"N"));
    assert!(
        !names.iter().any(|name| name.starts_with("CARGO")),
        "{names:?}"
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    let root = folder.path().canonicalize().unwrap();
    let all = Permissions::everything;
    let scope = Scope::new();
    let pwd = call_in(
        &scope,
        &root,
        all(),
        json!({ "command": ["pwd"], "cwd": "sub" }),
    );
    assert_eq!(
        pwd.await.unwrap().value["body"],
        root.join("sub").to_str().unwrap()
    );
    let none = call_in(
        &scope,
        &root,
        all(),
        json!({ "command": ["pwd"], "cwd": "none" }),
    );
    let none = none.await.unwrap_err();
    assert!(
        none.message.contains("\"none\": it does not exist"),
        "{none:?}"
    );
}

#[tokio::test]
async fn input_is_written_and_may_be_ignored() {
    assert_eq!(
        res(json!({ "command": ["cat"], "stdin": "hé" })).await["stdout"],
        "hé"
    );
    assert_eq!(
        res(json!({ "command": ["cat"], "stdin": { "a": [1] } })).await["body"],
        json!({ "a": [1] })
    );
    assert_eq!(res(json!({ "command": ["cat"] })).await["stdout"], "");
    let long = "x".repeat(4 << 20);
    assert_eq!(
        res(json!({ "command": ["true"], "stdin": long })).await["code"],
        0
    );
    assert_eq!(
        res(json!({ "command": ["wc", "-c"], "stdin": long })).await["body"],
        4 << 20
    );
}

#[tokio::test]
async fn a_flood_is_bounded() {
    let reply = call(sh("head -c 20000000 /dev/zero | tr '\\0' x; echo end"))
        .await
        .unwrap();
    let stdout = reply.value["stdout"].as_str().unwrap();
    assert!(stdout.len() < (8 << 20) + 100);
    assert!(stdout.ends_with("xend\n"));
    assert!(stdout.contains("bytes left out"));
    assert!(reply.summary.contains("bytes of stdout left out"));
    assert_eq!(reply.received, 20_000_004);
}

#[tokio::test]
async fn what_is_not_permitted_does_not_start() {
    let permissions = Permissions {
        exec: Grant::Names(vec!["env".into()]),
        ..Permissions::standard(Path::new("/"))
    };
    let call =
        async |request| call_in(&Scope::new(), Path::new("/"), permissions.clone(), request).await;
    assert!(call(json!({ "command": ["env"] })).await.is_ok());
    for other in ["/usr/bin/env", "sh", "./env"] {
        let refused = call(json!({ "command": [other] })).await.unwrap_err();
        assert!(
            refused
                .hint
                .unwrap()
                .contains(&format!("--allow-exec={other}"))
        );
    }
    // Another PATH does not make an allowed name another program.
    let folder = tempfile::tempdir().unwrap();
    let fake = folder.path().join("env");
    std::fs::write(&fake, "#!/bin/sh\necho fake\n").unwrap();
    std::fs::set_permissions(&fake, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let real = call(json!({ "command": ["env"], "env": { "PATH": folder.path() } })).await;
    assert!(
        !real.unwrap().value["stdout"]
            .as_str()
            .unwrap()
            .contains("fake")
    );
    let loader = call(json!({ "command": ["env"], "env": { "LD_PRELOAD": "/x.so" } })).await;
    assert!(
        loader
            .unwrap_err()
            .message
            .contains("may not set LD_PRELOAD")
    );
}

#[tokio::test]
async fn what_cannot_start_is_said() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plain"), "x").unwrap();
    for (command, part) in [
        (json!([]), "`command` is empty"),
        (
            json!(["no-such-program"]),
            "\"no-such-program\" was not found",
        ),
        (json!(["./none"]), "\"./none\" was not found"),
        (json!(["./plain"]), "may not be executed"),
        (json!(["echo", "a\u{0}b"]), "NUL"),
    ] {
        let failure = call_in(
            &Scope::new(),
            folder.path(),
            Permissions::everything(),
            json!({ "command": command }),
        )
        .await
        .unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Protocol);
        assert!(failure.message.contains(part), "{failure:?}");
    }
    assert!(
        Exec::short_request("ls -l")
            .unwrap_err()
            .contains("{command: [ls, -l]}")
    );
    assert_eq!(
        Exec::label(&json!({ "command": ["ls", "a b"] })),
        "ls 'a b'"
    );
}

#[tokio::test]
async fn the_command_can_be_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let request = json!({
        "command": ["sh", "-c", "cat; echo \"$A $PWD\""],
        "env": { "A": "it's" },
        "stdin": "a\\n%s\n",
    });
    let reply = call_in(
        &Scope::new(),
        folder.path(),
        Permissions::everything(),
        request,
    )
    .await
    .unwrap();
    let output = std::process::Command::new("sh")
        .arg("-c")
        .arg(reply.again.as_deref().unwrap())
        .output()
        .unwrap();
    assert_eq!(
        reply.value["stdout"],
        String::from_utf8_lossy(&output.stdout).as_ref()
    );
}

/// A shell that ignores SIGTERM, with a child, a grandchild in a session of its own, and one of that
/// session whose environment is empty; each writes its number to `pids`.
const STUBBORN: &str = "trap '' TERM; echo $$ >>pids; \
    sh -c 'echo $$ >>pids; exec sleep 1000' & \
    setsid sh -c 'echo $$ >>pids; env -i sh -c \"echo \\$\\$ >>pids; exec sleep 1000\" & exec sleep 1000' & \
    while :; do sleep 1; done";

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_ends_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let scope = Scope::new();
    let call = call_in(
        &scope,
        folder.path(),
        Permissions::everything(),
        sh(STUBBORN),
    );
    let started = tokio::select! {
        reply = call => panic!("{reply:?}"),
        started = lines(&pids, 4) => started,
    };
    let start = Instant::now();
    assert!(scope.close().await);
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(started.len(), 4);
    for pid in started {
        assert!(!exists(&pid), "{pid} is left");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_behind_is_ended_too() {
    let folder = tempfile::tempdir().unwrap();
    let scope = Scope::new();
    let script = "setsid sh -c 'echo $$ >>pids; exec sleep 1000' & sleep 1000 & echo $! >>pids; \
        while [ $(wc -l <pids) -lt 2 ]; do sleep 0.01; done; echo done";
    let start = Instant::now();
    let reply = call_in(&scope, folder.path(), Permissions::everything(), sh(script))
        .await
        .unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(
        (&reply.value["code"], &reply.value["body"]),
        (&json!(0), &json!("done"))
    );
    assert!(
        reply.summary.contains("left running was ended"),
        "{}",
        reply.summary
    );
    for pid in lines(&folder.path().join("pids"), 2).await {
        assert!(!exists(&pid), "{pid} is left");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn orphans_that_end_by_themselves_leave_no_zombie() {
    let folder = tempfile::tempdir().unwrap();
    let script = "(setsid sh -c 'echo $$ >>pids' &); (sh -c 'echo $$ >>pids' &); sleep 0.3";
    call_in(
        &Scope::new(),
        folder.path(),
        Permissions::everything(),
        sh(script),
    )
    .await
    .unwrap();
    for pid in lines(&folder.path().join("pids"), 2).await {
        assert!(!exists(&pid), "{pid} is left");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn commands_do_not_end_each_other() {
    let scope = Scope::new();
    let long = call(sh(
        "(setsid sh -c 'sleep 0.6; echo late' &) ; sleep 0.8; echo mine",
    ));
    let short = async {
        for _ in 0..5 {
            let dropped = call_in(
                &scope,
                Path::new("/"),
                Permissions::everything(),
                sh("sleep 9"),
            );
            let _ = tokio::time::timeout(Duration::from_millis(20), dropped).await;
            res(sh("sleep 100 & true")).await;
        }
    };
    let (long, ()) = tokio::join!(long, short);
    assert_eq!(long.unwrap().value["stdout"], "late\nmine\n");
    assert!(scope.close().await);
}

#[tokio::test]
async fn a_process_that_ends_at_once_on_term_is_not_waited_for() {
    let scope = Scope::new();
    let call = call_in(
        &scope,
        Path::new("/"),
        Permissions::everything(),
        sh("sleep 1000"),
    );
    let _ = tokio::time::timeout(Duration::from_millis(100), call).await;
    let start = Instant::now();
    assert!(scope.close().await);
    assert!(
        start.elapsed() < Duration::from_millis(400),
        "{:?}",
        start.elapsed()
    );
}
