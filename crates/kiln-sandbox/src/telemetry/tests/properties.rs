//! Whatever happens, each record is delivered once, in order, or counted as lost.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Lines(usize, usize),
    Start,
    Wait(u64),
    Flush(u64),
    Freeze,
    Thaw,
    React(Reaction),
}

fn step() -> impl Strategy<Value = Step> {
    let reaction = prop_oneof![
        4 => Just(Reaction::Refuse),
        1 => Just(Reaction::Take),
        1 => (1_u64..12_000).prop_map(|ms| Reaction::TakeAfter(Duration::from_millis(ms))),
        1 => Just(Reaction::Hang),
    ];
    prop_oneof![
        4 => (1_usize..300, 0_usize..2_000).prop_map(|(number, length)| Step::Lines(number, length)),
        1 => Just(Step::Start),
        2 => (0_u64..20_000).prop_map(Step::Wait),
        1 => (0_u64..2_000).prop_map(Step::Flush),
        1 => Just(Step::Freeze),
        1 => Just(Step::Thaw),
        4 => reaction.prop_map(Step::React),
    ]
}

/// Smaller than anybody may ask for, so that every limit of a batch is met.
fn buffering() -> impl Strategy<Value = Buffering> {
    (1_usize..500, 1_usize..50_000, 1_u64..2_000).prop_map(|(max_items, max_bytes, ms)| Buffering {
        max_items,
        max_bytes,
        timeout: Duration::from_millis(ms),
    })
}

/// Records delivered or lost so far, gaps aside.
fn accounted(receiver: Option<&Receiver>, telemetry: &Telemetry, lost: &mut Vec<Lost>) -> u64 {
    lost.extend(telemetry.take_lost());
    let told = receiver.map(Receiver::told).unwrap_or_default();
    let delivered = told.iter().filter(|it| *it != "platform.logsDropped");
    delivered.count() as u64 + lost.iter().map(|it| it.records).sum::<u64>()
}

async fn run(steps: Vec<Step>, buffering: Buffering, platform: bool) -> Result<(), TestCaseError> {
    let limits = Limits {
        queue: 150_000,
        history: 60_000,
        reserve: 20_000,
    };
    let telemetry = Telemetry::with_limits(limits);
    let categories = [Category::Function, Category::Platform];
    let types = if platform {
        &categories[..]
    } else {
        &categories[..1]
    };
    let mut next = 0_u64;
    let mut bytes = 0_u64;
    let mut starts = 0_u64;
    let mut receiver = None;
    let mut lost = Vec::new();
    // The first steps come before the subscription.
    let subscribed_after = steps.len() / 4;
    for (number, step) in steps.into_iter().enumerate() {
        if number == subscribed_after {
            let subscription = Subscription {
                buffering,
                ..subscription(types)
            };
            receiver = Some(subscribe(&telemetry, "e", subscription));
        }
        match step {
            Step::Lines(lines, length) => {
                for _ in 0..lines {
                    let text = format!("{next} {}", "x".repeat(length));
                    bytes += text.len() as u64;
                    say(&telemetry, &text);
                    next += 1;
                }
            }
            Step::Start => {
                tell(&telemetry, start("id"));
                starts += 1;
            }
            Step::Wait(ms) => sleep(Duration::from_millis(ms)).await,
            Step::Flush(ms) => {
                let deadline = Instant::now() + Duration::from_millis(ms);
                if telemetry.flush(deadline).await && receiver.is_some() {
                    let accounted = accounted(receiver.as_ref(), &telemetry, &mut lost);
                    prop_assert_eq!(accounted, if platform { next + starts } else { next });
                }
            }
            Step::Freeze => telemetry.freeze(),
            Step::Thaw => telemetry.thaw(),
            Step::React(reaction) => {
                if let Some(receiver) = &receiver {
                    receiver.will([reaction]);
                }
            }
        }
    }
    let receiver = receiver.unwrap();
    telemetry.thaw();
    flush(&telemetry).await;
    // From here on it takes everything, and so learns of all that it lost.
    receiver.0.lock().unwrap().script.clear();
    flush(&telemetry).await;
    say(&telemetry, "end");
    flush(&telemetry).await;

    let mut last = None;
    let (mut lines, mut line_bytes, mut platform_records) = (0_u64, 0_u64, 0_u64);
    let (mut told, mut told_bytes) = (0_u64, 0_u64);
    for record in receiver.records() {
        match record["type"].as_str().unwrap() {
            "platform.logsDropped" => {
                told += record["record"]["droppedRecords"].as_u64().unwrap();
                told_bytes += record["record"]["droppedBytes"].as_u64().unwrap();
            }
            "platform.start" => platform_records += 1,
            _ => {
                let text = record["record"].as_str().unwrap();
                let Some((number, _)) = text.split_once(' ') else {
                    prop_assert_eq!(text, "end");
                    continue;
                };
                let number: u64 = number.parse().unwrap();
                prop_assert!(last.is_none_or(|last| last < number), "{last:?} {number}");
                last = Some(number);
                lines += 1;
                line_bytes += text.len() as u64;
            }
        }
    }
    lost.extend(telemetry.take_lost());
    let lost_records: u64 = lost.iter().map(|it| it.records).sum();
    let lost_bytes: u64 = lost.iter().map(|it| it.bytes).sum();
    if platform {
        prop_assert_eq!(lines + platform_records + lost_records, next + starts);
        prop_assert_eq!((told, told_bytes), (lost_records, lost_bytes));
    } else {
        prop_assert_eq!((lines + lost_records, platform_records), (next, 0));
        prop_assert_eq!(line_bytes + lost_bytes, bytes);
        prop_assert_eq!(told, 0);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_record_is_lost_twice_told_or_out_of_order(
        steps in proptest::collection::vec(step(), 1..60),
        buffering in buffering(),
        platform: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run(steps, buffering, platform))?;
    }
}
