//! Builds the crate anew when a migration is added: the embedded ones are known by name alone.

fn main() {
    println!("cargo::rerun-if-changed=../../infra/migrations");
}
