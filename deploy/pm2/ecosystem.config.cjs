// The gateway and the shop's worker under PM2 (npm install -g pm2):
//
//   pm2 start ecosystem.config.cjs      starts both; --only sluice starts one
//   pm2 reload sluice                   a new binary or configuration: nothing is lost
//   pm2 logs sluice                     what it says
//   pm2 save && pm2 startup             they come back with the machine
//
// Where the machine has systemd, deploy/systemd says more of what a service may do.
// Variables that begin with SLUICE_ are keys of the gateway's configuration, so these don't.
const binary = process.env.GATEWAY_BINARY || "/usr/local/bin/sluice";
const config = process.env.GATEWAY_CONFIG || "/etc/sluice/sluice.yaml";

// PM2 ends a process with SIGINT, waits for this long, and then kills it. Its own wait of
// 1.6 s would kill a gateway that is telling its streams to come back (25 s at most).
const aboveTheDrain = 30_000;

module.exports = {
  apps: [
    {
      name: "sluice",
      script: binary,
      args: ["serve", "-c", config],
      interpreter: "none", // it is a program, not a script of Node.js
      exec_mode: "fork", // cluster mode is for scripts: it shares a port of Node.js
      kill_timeout: aboveTheDrain,
      // A gateway bounds its memory by itself (see docs/running.md). This is for what nobody
      // foresaw: at the limit it drains and starts again.
      max_memory_restart: process.env.GATEWAY_MAX_MEMORY || "2G",
      stop_exit_codes: [2], // a configuration that can't work: trying again won't mend it
      exp_backoff_restart_delay: 200,
      merge_logs: true,
    },
    {
      name: "shop-worker",
      cwd: process.env.SHOP_DIR || "/srv/shop",
      script: ".build/worker/main.js",
      exec_mode: "fork",
      kill_timeout: 10_000, // it ends the order it is at, and leaves its consumer group
      max_memory_restart: "300M",
      exp_backoff_restart_delay: 200,
      merge_logs: true,
    },
  ],
};
