import { followsReload, type SettingName, settingNames, settingRow } from './settings.ts';

/** Rows of one `[section]`; '' for those above the first. */
const sectionOf = (name: SettingName): string => (name.includes('.') ? name.slice(0, name.indexOf('.')) : '');
const sections = [...new Set(settingNames.map(sectionOf))];
const keyOf = (name: SettingName): string => name.slice(name.indexOf('.') + 1);

const about: Readonly<Record<string, string>> = {
  '': 'Top of the file',
  mail: 'Mailboxes',
  listen: 'Where to listen; each a list of `host:port`, `[]` switches it off',
  tls: 'Certificates',
  auth: 'Logging in',
  limits: 'Connections',
  smtp: "Mail coming in; Postfix's `smtpd_*` without the prefix",
  imap: 'IMAP sessions',
  pop3: 'POP3 sessions',
  relay: 'Mail going out, and the queue',
  local: 'Names of this host',
  dns: 'Name servers',
  log: 'What is logged',
};

const defaultOf = (name: SettingName): string => {
  const { defaultIs, type, default: value } = settingRow(name);
  return defaultIs ?? `\`${type.format(value)}\``;
};

/** docs/configuration.md */
export function referencePage(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const tables = sections.map((section) => {
    const rows = settingNames
      .filter((name) => sectionOf(name) === section)
      .map((name) => {
        const { says, type, known, rfc } = settingRow(name);
        const also = [known, rfc].filter((part) => part !== undefined).join('; ');
        return `| \`${keyOf(name)}\`${followsReload(name) ? ' ↻' : ''} | ${cell(type.name)} | ${cell(defaultOf(name))} | ${cell(says)} | ${cell(also)} |`;
      });
    const heading = section === '' ? about['']! : `\`[${section}]\` ${about[section]}`;
    return `## ${heading}\n\n| setting | type | default | | known as, RFC |\n| --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`;
  });
  return `<!-- Made by scripts/docs.ts from src/server/config/settings.ts. -->
# Configuration

One TOML file: \`--config FILE\`, else \`$POSTCOTE_CONFIG\`, \`./postcote.toml\`, \`/etc/postcote/postcote.toml\`. Without any, everything lies under
\`./var\`, ports are unprivileged (smtp 2525, submission 2587, submissions 2465, imap 2143, imaps 2993, pop3 2110, pop3s 2995, http 8025, on 127.0.0.1)
and a demo domain \`example.com\` has two accounts, whose passwords are in \`./var/demo-accounts.txt\`.

Every setting can come from the environment: \`POSTCOTE_\` and the path in capitals with \`__\` for the dot, lists separated by commas:
\`POSTCOTE_LISTEN__SMTP='127.0.0.1:2525'\`. \`postcote config check\` says what is wrong, with file and line; \`postcote config show -n\` shows what
differs from the defaults. Relative paths start at the folder of the file that names them, in the environment at the working directory.

Sizes are octets, also \`"50M"\`; times are \`"30s"\`, \`"10m"\`, \`"5d"\`, a bare number is seconds. Settings with ↻ follow on SIGHUP for new sessions,
and so do certificates whose files changed; the others at the next start, and the log says which.

${tables.join('\n')}`;
}

/** packaging/postcote.toml: every setting, commented out, at its default. */
export function sampleFile(): string {
  const blocks = sections.map((section) => {
    const rows = settingNames
      .filter((name) => sectionOf(name) === section)
      .map((name) => {
        const { says, type, default: value, defaultIs } = settingRow(name);
        return `# ${says}\n#${keyOf(name)} = ${type.format(value)}${defaultIs === undefined ? '' : `   # default: ${defaultIs}`}\n`;
      });
    return `${section === '' ? '' : `[${section}]   # ${about[section]}\n`}${rows.join('\n')}`;
  });
  const text = blocks.join('\n\n');
  return `# postcote.toml: every setting at its default. What is not set here, or behind a "#", has that default.\n\n${text
    .replace(/^#hostname = .*$/m, '#hostname = "mail.example.com"   # default: the system\'s')
    .replace(/^#workers = .*$/m, '#workers = 2   # default: available cores')}`;
}
