//! What a delivery and an idle client cost. Not a check: `cargo test --release --test it live::cost -- --ignored --nocapture`
//! prints figures; `loadtest inbox` measures with a generator of its own.

use std::time::{Duration, Instant};

use hub::role::Role;
use hub::testing::World;

use super::{Node, Screen, emit, emit_many};

/// This thread's time on a core, and the process's resident memory.
fn used() -> (Duration, u64) {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let ns = stat.split(' ').next().unwrap().parse().unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    (Duration::from_nanos(ns), kib * 1024)
}

#[test]
#[ignore = "prints figures, checks nothing"]
fn deliveries_per_second_of_a_core() {
    const CLIENTS: usize = 1_000;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = World::with(
            |config| config.live.clients_per_staff_max = CLIENTS,
            hub::clock::Clock::system(),
        )
        .await;
        let acme = world.tenant("acme").await;
        let ann = world.staff(acme, "ann", Role::Staff).await;
        let node = Node::start(&world.hub).await;
        Screen::open(&node, &ann).await;
        let (_, before) = used();
        let mut screens = Vec::new();
        for _ in 0..CLIENTS {
            screens.push(Screen::open(&node, &ann).await.into_connection());
        }
        let (_, after) = used();
        println!(
            "{} B per client, the test's own half included",
            (after - before) / CLIENTS as u64
        );
        // The clients are drained by another thread, so that only the server's work is on this one.
        let (gone, heard) = std::sync::mpsc::channel::<()>();
        let sockets: Vec<_> = screens
            .into_iter()
            .map(|socket| socket.into_std().unwrap())
            .collect();
        let reader = std::thread::spawn(move || {
            use std::io::Read as _;
            let mut sockets = sockets;
            let mut buffer = vec![0; 1 << 20];
            while heard.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                for socket in &mut sockets {
                    while socket.read(&mut buffer).is_ok_and(|count| count > 0) {}
                }
            }
        });
        for (name, rounds, burst) in [("one by one", 200, 1), ("bursts of 32", 50, 32)] {
            let (start, began) = (used().0, Instant::now());
            let words = "x".repeat(400);
            for _ in 0..rounds {
                if burst == 1 {
                    emit(&world.hub, acme, &words).await;
                } else {
                    emit_many(&world.hub, acme, burst, &words).await;
                }
                tokio::time::sleep(Duration::from_millis(15)).await;
            }
            let cpu = used().0 - start;
            let deliveries = (rounds * burst * CLIENTS) as f64;
            println!(
                "{name}: {:.0} deliveries per CPU-second, {:.2} us each, over {:?}",
                deliveries / cpu.as_secs_f64(),
                cpu.as_micros() as f64 / deliveries,
                began.elapsed()
            );
        }
        gone.send(()).unwrap();
        reader.join().unwrap();
    });
}
