import { spawn } from 'node:child_process';

/** Sends one datagram with what Debian always has; Node has no unix datagram sockets and needs no native module for three lines a day. */
const perl = `use Socket; my ($to, @lines) = @ARGV; $to =~ s/^@/\\0/;
socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or exit 1; send($s, join("\\n", @lines), 0, pack_sockaddr_un($to)) or exit 1;`;

/**
 * Tells the service manager how we are (sd_notify): by systemd's own `systemd-notify`, by perl where that is missing.
 * The unit needs NotifyAccess=all. Does nothing where NOTIFY_SOCKET is unset.
 */
export async function notifyManager(...assignments: readonly string[]): Promise<void> {
  const socket = process.env.NOTIFY_SOCKET;
  if (socket === undefined || socket === '') return;
  if (await succeeds('systemd-notify', ['--no-block', ...assignments])) return;
  await succeeds('perl', ['-e', perl, socket, ...assignments]);
}

function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'ignore' });
    child.on('error', () => resolve(false));
    child.on('exit', (code) => resolve(code === 0));
  });
}
