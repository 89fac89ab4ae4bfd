//! The HELP subcommand of containers.

use super::ctx::Ctx;

/// Replies with the lines of a container's help, framed as Redis frames them.
pub fn reply_help(ctx: &mut Ctx, lines: &[&str]) {
    let name = String::from_utf8_lossy(ctx.arg(0)).to_ascii_uppercase();
    let lines = lines.iter().copied().chain(["HELP", "    Print this help."]);
    ctx.reply.array(lines.clone().count() + 1);
    let title = format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    ctx.reply.simple(&title);
    for line in lines {
        ctx.reply.simple(line);
    }
}
