import type { Loaded } from './load.ts';
import { type SettingName, settingNames, settingRow } from './settings.ts';

/** As TOML, one line a setting, sections in order. @param changed only what differs from the default */
export function showConfig({ config }: Loaded, changed: boolean): string[] {
  const lines: string[] = [];
  let section = '';
  for (const name of settingNames) {
    if (changed && !differs(name, config[name])) continue;
    const dot = name.indexOf('.');
    const own = dot < 0 ? '' : name.slice(0, dot);
    if (own !== section) {
      if (lines.length > 0) lines.push('');
      lines.push(`[${own}]`);
      section = own;
    }
    lines.push(`${name.slice(dot + 1)} = ${settingRow(name).type.format(config[name])}`);
  }
  return lines;
}

/** Whether a value is not the default's. */
export function differs(name: SettingName, value: unknown): boolean {
  return JSON.stringify(value) !== JSON.stringify(settingRow(name).default);
}
