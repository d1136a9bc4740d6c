//! Entry point: picks the tool by the name the binary was called with.

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let mut config = redoubt::config::Config::default();
    let port = args.iter().position(|a| a == "--port").map(|i| args[i + 1].parse::<u16>().unwrap());
    config.port = port.unwrap_or(6379);
    let table = redoubt::server::boot::command_table(&[]).unwrap();
    let listeners = redoubt::server::boot::listen(&config).unwrap();
    let mut server = redoubt::server::Server::new(config, table);
    let poll = mio::Poll::new().unwrap();
    server.serve_forever(poll, listeners).unwrap();
}
