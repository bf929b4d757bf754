//! The image.

use crate::fleet::{infra, processes, text};

#[test]
fn the_image_holds_every_process_and_runs_as_nobody() {
    let dockerfile = text(&infra().join("Dockerfile"));
    let copied = dockerfile
        .lines()
        .find(|line| line.contains("/image/fleet") && line.contains("&& cp "))
        .unwrap();
    for program in processes().into_iter().chain(["fleetctl".to_owned()]) {
        let is_built = dockerfile.contains(&format!("--bin {program}"));
        let is_copied = copied.split(' ').any(|word| word == program);
        assert!(is_built && is_copied, "{program} is not in the image");
    }
    for line in ["USER 65532:65532", "STOPSIGNAL SIGTERM"] {
        assert!(dockerfile.lines().any(|it| it == line), "{line}");
    }
}
