//! A funcy that another has started may do no more than the suite that started it.

use super::{Grant, Permissions};
use crate::event::Json;
use serde_json::json;
use std::path::PathBuf;

impl Permissions {
    /// What a funcy that is started with these permissions may do at most, as a text that [`Self::of_ceiling`] reads.
    /// `None`: everything.
    #[must_use]
    pub fn ceiling(&self) -> Option<String> {
        let ceiling = json!({
            "net": self.net,
            "exec": self.exec.names(),
            "env": self.env.names(),
            "read": texts(&self.read),
            "write": texts(&self.write),
            "modules": texts(&self.modules),
        });
        (!self.all).then(|| ceiling.to_string())
    }

    /// The permissions that a text of [`Self::ceiling`] tells of. What it does not tell is not allowed.
    #[must_use]
    pub fn of_ceiling(text: &str) -> Self {
        let told: Json = serde_json::from_str(text).unwrap_or_default();
        let names = |key: &str| -> Vec<String> {
            let list = told.get(key).and_then(Json::as_array);
            let texts = list.into_iter().flatten().filter_map(Json::as_str);
            texts.map(str::to_owned).collect()
        };
        let folders = |key: &str| names(key).into_iter().map(PathBuf::from).collect();
        let is_any_host = told.get("net").is_some_and(Json::is_null);
        Self {
            net: (!is_any_host).then(|| names("net")),
            exec: Grant::Names(names("exec")),
            env: Grant::Names(names("env")),
            read: folders("read"),
            write: folders("write"),
            modules: folders("modules"),
            all: false,
            bounded: true,
        }
    }

    /// What both these and the ceiling allow.
    #[must_use]
    pub fn within(&self, ceiling: &Self) -> Self {
        let modules = [&*self.modules, &*ceiling.modules].concat();
        let hosts = |of: &Self, by: &Self| -> Option<Vec<String>> {
            let hosts = of.net.as_ref()?.iter();
            Some(hosts.filter(|host| by.net(host).is_ok()).cloned().collect())
        };
        let named = |grant: &Grant, is_allowed: &dyn Fn(&str) -> bool| {
            let names = grant.names().iter();
            Grant::Names(names.filter(|name| is_allowed(name)).cloned().collect())
        };
        // Of two folders, one of which lies in the other, the inner one is what both allow.
        let folders = |of: fn(&Self) -> &[PathBuf], is_allowed: fn(&Self, &PathBuf) -> bool| {
            let own = of(self).iter().filter(|one| is_allowed(ceiling, one));
            let given = of(ceiling).iter().filter(|one| is_allowed(self, one));
            own.chain(given).cloned().collect()
        };
        let mut both = Self {
            net: hosts(self, ceiling).or_else(|| hosts(ceiling, self)),
            exec: named(&self.exec, &|name| ceiling.exec(name).is_ok()),
            env: named(&self.env, &|name| ceiling.env(name).is_ok()),
            read: folders(|of| &of.read, |by, folder| by.read(folder).is_ok()),
            write: folders(|of| &of.write, |by, folder| by.write(folder).is_ok()),
            modules: modules.clone(),
            all: self.all && ceiling.all,
            bounded: true,
        };
        if self.all {
            both = Self {
                modules,
                bounded: true,
                ..ceiling.clone()
            };
        }
        both
    }
}

impl Grant {
    fn names(&self) -> &[String] {
        match self {
            Self::Names(names) => names,
            Self::None => &[],
        }
    }
}

fn texts(folders: &[PathBuf]) -> Vec<String> {
    let texts = folders.iter().map(|folder| folder.display().to_string());
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn given() -> Permissions {
        Permissions {
            net: Some(names(&["localhost", "a.example"])),
            exec: Grant::Names(names(&["funcy", "git"])),
            write: vec!["/s".into(), "/s/scripts".into()],
            modules: vec!["/s/scripts".into()],
            ..Permissions::standard(Path::new("/s"))
        }
    }

    fn ceiling() -> Permissions {
        Permissions::of_ceiling(&given().ceiling().unwrap())
    }

    #[test]
    fn a_ceiling_is_read_as_it_was_written() {
        let same = Permissions {
            env: Grant::Names(Vec::new()),
            bounded: true,
            ..given()
        };
        assert_eq!(ceiling(), same);
        let any_host = Permissions {
            net: None,
            ..given()
        };
        assert_eq!(
            Permissions::of_ceiling(&any_host.ceiling().unwrap()).net,
            None
        );
        assert_eq!(Permissions::everything().ceiling(), None);
    }

    #[test]
    fn a_ceiling_that_cannot_be_read_allows_nothing() {
        for text in ["", "all", "null", "{}", "[1]", r#"{"exec": "sh"}"#] {
            let bound = Permissions::everything().within(&Permissions::of_ceiling(text));
            assert!(bound.net("localhost").is_err(), "{text}");
            assert!(bound.exec("sh").is_err(), "{text}");
            assert!(bound.env("HOME").is_err(), "{text}");
            assert!(bound.read(Path::new("/s")).is_err(), "{text}");
            assert!(bound.write(Path::new("/s")).is_err(), "{text}");
        }
    }

    #[test]
    fn everything_below_a_ceiling_is_what_the_ceiling_allows() {
        let bound = Permissions::everything().within(&ceiling());
        assert_eq!(bound.exec("git"), Ok(()));
        let refused = bound.exec("sh").unwrap_err();
        assert!(
            refused.hint.contains("started by another"),
            "{}",
            refused.hint
        );
        assert!(bound.net("b.example").is_err());
        assert!(bound.read(Path::new("/etc/passwd")).is_err());
        assert!(bound.write(Path::new("/s/funcy.yaml")).is_err());
    }

    #[test]
    fn both_must_allow() {
        let own = Permissions {
            net: Some(names(&["A.example", "b.example"])),
            exec: Grant::Names(names(&["git", "sh"])),
            write: vec!["/s/sub".into(), "/s/sub/funcy.yaml".into(), "/t".into()],
            modules: vec!["/s/sub/lib".into()],
            ..Permissions::standard(Path::new("/s/sub"))
        };
        let bound = own.within(&ceiling());
        let allows = |host| bound.net(host).is_ok();
        assert!(allows("a.example") && !allows("b.example") && !allows("localhost"));
        assert!(bound.exec("git").is_ok() && bound.exec("sh").is_err());
        assert!(bound.exec("funcy").is_err());
        let reads = |path| bound.read(Path::new(path)).is_ok();
        assert!(reads("/s/sub/x") && !reads("/s/x"));
        let writes = |path| bound.write(Path::new(path)).is_ok();
        assert!(writes("/s/sub/x") && !writes("/s/x") && !writes("/t/x"));
        // What the ceiling does not name is not named below it.
        assert!(!writes("/s/sub/funcy.yaml"));
        assert!(!writes("/s/sub/lib/m.rhai"));
        let wide = Permissions {
            net: None,
            write: vec!["/".into()],
            ..own
        };
        let bound = wide.within(&ceiling());
        assert!(bound.net("localhost").is_ok() && bound.net("b.example").is_err());
        assert!(bound.write(Path::new("/s/x")).is_ok());
        assert!(bound.write(Path::new("/t/x")).is_err());
        assert!(bound.write(Path::new("/s/funcy.yaml")).is_err());
    }
}
