use super::super::fixture::{FILE, ORDER, headline, not_shipped, sample_run, unmet};
use super::*;
use crate::report::style::Color;

fn about(outcome: Outcome) -> About {
    About {
        task: "order-ships".into(),
        case: None,
        outcome,
        attempt: 1,
        attempts: 1,
        cleanup: Vec::new(),
        again: Some("funcy run tasks/order.yaml --from placed --context 7KP@30".to_owned()),
    }
}

fn sources() -> Sources {
    Sources(vec![(FILE.into(), ORDER.into())])
}

#[test]
fn prints() {
    for w in [40, 80, 120] {
        let style = Style {
            width: w,
            ..Style::plain()
        };
        println!(
            "{}",
            failure(&not_shipped(), &about(Outcome::TimedOut), &sources(), style)
        );
        println!(
            "{}",
            failure(&unmet(), &about(Outcome::Failed), &sources(), style)
        );
    }
    use super::super::fixture::Shared;
    use super::super::{Options, Terminal};
    use crate::event::Sink;
    let (a, b) = (Shared::default(), Shared::default());
    let mut t = Terminal::new(
        Box::new(a.clone()),
        Box::new(b.clone()),
        Options {
            style: Style {
                width: 100,
                ..Style::plain()
            },
            resumable: true,
            ..Options::default()
        },
    );
    t.accept(&sample_run()).unwrap();
    t.finish().unwrap();
    println!("{}=====\n{}", b.text(), a.text());
    for r in super::super::REPORTS {
        let a = Shared::default();
        let mut s = (r.make)(Box::new(a.clone()), Options::default());
        s.accept(&sample_run()).unwrap();
        s.finish().unwrap();
        println!("{}", a.text());
    }
}
