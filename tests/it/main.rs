//! The program as its users meet it: started as a process, spoken to over its pipes and sockets.

mod config;
