//! A stand-in for the service of a model: it answers each request by what the request says.

use std::sync::Mutex;

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::ServerHandle,
    web::{self, Data, Json},
};
use serde_json::Value;

/// A running stand-in. Ends when dropped.
pub struct FakeModel {
    pub port: u16,
    handle: ServerHandle,
    requests: Data<Mutex<Vec<Value>>>,
}

impl FakeModel {
    /// Starts one that answers every POST with the event stream that `respond` makes of its body.
    pub fn start(respond: fn(&Value) -> String) -> Self {
        let requests: Data<Mutex<Vec<Value>>> = Data::new(Mutex::default());
        let shared = requests.clone();
        let server = HttpServer::new(move || {
            let requests = shared.clone();
            let answer = move |body: Json<Value>| {
                let body = body.into_inner();
                let stream = respond(&body);
                requests.lock().unwrap().push(body);
                async move { HttpResponse::Ok().content_type("text/event-stream").body(stream) }
            };
            App::new()
                .app_data(web::JsonConfig::default().limit(64 << 20).content_type_required(false))
                .default_service(web::post().to(answer))
        });
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let port = server.addrs()[0].port();
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { port, handle, requests }
    }

    /// The bodies of the requests so far.
    pub fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        actix_web::rt::spawn(self.handle.stop(false));
    }
}
