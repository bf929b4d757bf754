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

#[test]
fn every_part_of_the_workspace_reaches_the_build() {
    let root = infra().join("..");
    let manifest = text(&root.join("Cargo.toml"));
    let (members, _) = manifest.split_once("\n]").unwrap();
    let members: Vec<&str> = members
        .lines()
        .filter_map(|line| line.strip_prefix("    \"")?.strip_suffix("\","))
        .collect();
    assert!(members.contains(&"infra/demo"), "{members:?}");
    let ignored = text(&root.join(".dockerignore"));
    let (left_out, let_in): (Vec<&str>, Vec<&str>) = ignored
        .lines()
        .filter(|line| !line.starts_with('#') && *line != "*")
        .partition(|line| !line.starts_with('!'));
    for member in members {
        let folder = member.split('/').next().unwrap();
        let is_in = let_in.iter().any(|line| line[1..] == *folder);
        // A trailing asterisk, as in `infra/compose*`, is the only pattern among the folders.
        let is_out = left_out
            .iter()
            .any(|line| member.starts_with(line.trim_end_matches('*')));
        assert!(is_in && !is_out, "{member} does not reach the build");
    }
}
