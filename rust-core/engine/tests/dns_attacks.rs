//! What an app may try to get past the engine with questions of its own.
#![allow(missing_docs)]
mod world;

use consentry_consent::Owner;
use consentry_engine::io::OwnerAnswer;
use consentry_inspect::dns;
use world::{World, socket};

fn query(name: &str) -> Vec<u8> {
    dns::query(99, &name.parse().expect("a name"), dns::A)
}

#[test]
fn a_dedicated_app_does_not_reach_a_resolver_of_its_own_choice() {
    for dedicated in [true, false] {
        let mut world = World::new();
        let package = if dedicated { "com.xiaomi.xmsf" } else { "org.example.reader" };
        world.owners.answer = OwnerAnswer::Known(Owner::App { uid: 10_050, packages: vec![package.into()] });
        world.phone.ask(socket("8.8.8.8:53"), &query("example.com"));
        world.settle();
        assert_eq!(world.internet.datagrams.is_empty(), dedicated);
        assert_eq!(world.attempts.len(), usize::from(dedicated));
    }
}
