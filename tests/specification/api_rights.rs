//! Nobody gets at what is another's: every route of the interface, as its own document lists them, is called with every
//! wrong token. A route that is added later is found here by itself.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::Value;
use topup_tests::{App, AppOptions, Interface, Reply, main_account, sub_account};
use uuid::Uuid;

const MAIN: i64 = 1001;
const SUB: i64 = 2001;
const STRANGER: i64 = 1009;
const METHODS: [&str; 4] = ["get", "put", "post", "delete"];
const SCOPES: [&str; 6] = ["read", "buy", "settings", "send", "transfer", "personal"];
/// What a call changes that changes nothing: when a token was used, what a repeat finds, who is alive.
const OF_CALLS: [&str; 4] = [
    "access_tokens",
    "idempotent_requests",
    "processes",
    "gateway_lines",
];

/// One thing that can be asked for, about the account [`MAIN`].
#[derive(Debug)]
struct Operation {
    method: Method,
    path: String,
    is_of_an_account: bool,
    body: Option<Value>,
    needs_no_token: bool,
}

impl Operation {
    async fn ask(&self, caller: &Interface) -> Result<Reply> {
        let mut request = caller.request(self.method.clone(), &self.path);
        if self.method == Method::POST {
            request = request.header("idempotency-key", Uuid::now_v7().to_string());
        }
        if let Some(body) = &self.body {
            request = request.json(body);
        }
        Reply::to(request).await
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Every operation of the document.
async fn operations(stranger: &Interface) -> Result<Vec<Operation>> {
    let document = stranger.get("/openapi.json").await?.ok()?;
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().context("paths")? {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                all.push(operation_of(&document, path, method, operation)?);
            }
        }
    }
    ensure!(all.len() > 10, "{} operations", all.len());
    Ok(all)
}

fn operation_of(document: &Value, path: &str, method: &str, operation: &Value) -> Result<Operation> {
    let template = path.strip_prefix("/v1").with_context(|| path.to_owned())?;
    let parts = template.split('/').map(|part| match part {
        "{account}" => MAIN.to_string(),
        "{service}" => "sms".to_owned(),
        other if other.starts_with('{') => Uuid::from_u128(7).to_string(),
        other => other.to_owned(),
    });
    let mut path = parts.collect::<Vec<_>>().join("/");
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let asked = parameters
        .iter()
        .filter(|it| it["in"] == "query" && it["required"] == true);
    for (index, parameter) in asked.enumerate() {
        let name = parameter["name"].as_str().context("a name")?;
        let example = [&parameter["example"], &parameter["schema"]["example"]]
            .into_iter()
            .find_map(Value::as_str)
            .with_context(|| format!("{method} {template}: `{name}` shows no example"))?;
        path += &format!("{}{name}={example}", if index == 0 { '?' } else { '&' });
    }
    let body = &operation["requestBody"]["content"]["application/json"];
    Ok(Operation {
        method: method.to_uppercase().parse()?,
        is_of_an_account: template.contains("{account}"),
        body: (!body.is_null())
            .then(|| example(document, body).with_context(|| format!("{method} {template} shows no body")))
            .transpose()?,
        needs_no_token: operation["security"].as_array().is_some_and(|schemes| {
            schemes
                .iter()
                .any(|it| it.as_object().is_some_and(|it| it.is_empty()))
        }),
        path,
    })
}

fn example(document: &Value, content: &Value) -> Option<Value> {
    let schema = &content["schema"];
    let reference = schema["$ref"].as_str().and_then(|name| name.strip_prefix('#'));
    let shape = reference
        .and_then(|name| document.pointer(name))
        .unwrap_or(schema);
    [
        content.get("example"),
        shape.get("example"),
        shape.pointer("/examples/0"),
    ]
    .into_iter()
    .flatten()
    .next()
    .cloned()
}

/// All that is kept but for what a call leaves behind.
async fn kept(app: &App) -> Result<Vec<(String, Option<String>)>> {
    let client = app.rows.client();
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1";
    let mut kept = Vec::new();
    for row in client.query(tables, &[]).await? {
        let table: String = row.get(0);
        if OF_CALLS.contains(&table.as_str()) {
            continue;
        }
        let rows = format!("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM \"{table}\" t");
        kept.push((table, client.query_one(&rows, &[]).await?.get(0)));
    }
    Ok(kept)
}

fn edge() -> AppOptions {
    AppOptions::only(&["edge"])
        .setting("EDGE__REQUESTS_PER_SECOND", "10000")
        .setting("EDGE__UNKNOWN_PER_MINUTE", "100000")
}

async fn fleet(options: AppOptions) -> Result<App> {
    let app = App::start(options).await?;
    let accounts = [
        main_account(MAIN).credits(500).card("AUTH_ok"),
        sub_account(SUB, MAIN).credits(200).transfer(),
        main_account(STRANGER).credits(500),
    ];
    app.import(&accounts).await?;
    Ok(app)
}

#[tokio::test]
async fn no_route_lets_in_who_bears_no_token_or_anothers_and_nothing_is_changed() -> Result<()> {
    let mut app = fleet(edge()).await?;
    let nobody = app.stranger()?;
    let wrong = [app.holder(STRANGER).await?, app.holder(SUB).await?];
    let operations = operations(&nobody).await?;
    let before = kept(&app).await?;
    for operation in operations.iter().filter(|it| !it.needs_no_token) {
        let name = operation.name();
        operation.ask(&nobody).await?.problem(401).context(name.clone())?;
        let unknown = nobody.clone().with_token("topup_unknown");
        operation
            .ask(&unknown)
            .await?
            .problem(401)
            .context(name.clone())?;
        // Another account, and a sub for its main: there is no such account for them. What is the platform's alone is
        // not for any account.
        let status = if operation.is_of_an_account { 404 } else { 403 };
        for caller in &wrong {
            operation
                .ask(caller)
                .await?
                .problem(status)
                .context(name.clone())?;
        }
    }
    assert_eq!(kept(&app).await?, before);
    app.stop().await
}

#[tokio::test]
async fn every_route_needs_one_scope_and_all_others_together_do_not_open_it() -> Result<()> {
    let mut app = fleet(edge()).await?;
    let nobody = app.stranger()?;
    let account = MAIN.to_string();
    let mut all_but = Vec::new();
    for scope in SCOPES {
        let others: Vec<&str> = SCOPES.into_iter().filter(|it| *it != scope).collect();
        let arguments = ["--account", &account, "--scope", &others.join(",")];
        all_but.push(app.caller(&arguments).await?);
    }
    for operation in operations(&nobody).await?.iter().filter(|it| !it.needs_no_token) {
        let mut refused = 0;
        for caller in &all_but {
            refused += usize::from(operation.ask(caller).await?.status == 403);
        }
        // One of them lacks what it takes; of what is the platform's alone, all of them do.
        assert!(
            refused == 1 || refused == SCOPES.len(),
            "{} is refused to {refused} of {}",
            operation.name(),
            SCOPES.len()
        );
    }
    app.stop().await
}

#[tokio::test]
async fn the_edge_s_own_role_suffices_for_all_that_the_interface_offers() -> Result<()> {
    let mut app = fleet(edge().own_users()).await?;
    let nobody = app.stranger()?;
    let callers = [app.platform().await?, app.holder(MAIN).await?];
    let mut accepted = 0;
    for operation in operations(&nobody).await? {
        for caller in &callers {
            let answer = operation.ask(caller).await?;
            assert!(answer.status < 500, "{}: {}", operation.name(), answer.text);
            accepted += usize::from(answer.status < 300);
        }
    }
    // That what is shown as an example can be done, too, is not this test's.
    assert!(accepted > 10, "{accepted}");
    app.stop().await
}
