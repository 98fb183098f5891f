/** What a domain says of its mail hosts over https. RFC 8461 3.2 */
export interface StsPolicy {
  readonly mode: 'enforce' | 'testing' | 'none';
  /** Seconds. */
  readonly maxAge: number;
  /** Lower case; `*.` stands for one label. */
  readonly mx: readonly string[];
}

/** @returns null where the text is no policy; unknown keys are passed over. RFC 8461 3.2 */
export function parseStsPolicy(text: string): StsPolicy | null {
  const fields = new Map<string, string>();
  const mx: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const match = /^[ \t]*([A-Za-z0-9][A-Za-z0-9_.-]{0,31})[ \t]*:[ \t]*(.*?)[ \t]*$/.exec(line);
    if (match === null) {
      if (line.trim() === '') continue;
      return null;
    }
    const [, key = '', value = ''] = match;
    if (key === 'mx') mx.push(value.toLowerCase().replace(/\.$/, ''));
    else if (!fields.has(key)) fields.set(key, value);
  }
  const mode = fields.get('mode');
  const maxAge = fields.get('max_age') ?? '';
  if (fields.get('version') !== 'STSv1' || !/^\d{1,10}$/.test(maxAge)) return null;
  if (mode !== 'enforce' && mode !== 'testing' && mode !== 'none') return null;
  if (mode !== 'none' && (mx.length === 0 || mx.length > 200)) return null;
  return { mode, maxAge: Math.min(Number(maxAge), 31_557_600), mx };
}

/** The `id` of a `_mta-sts` TXT record; null where there is not exactly one record. RFC 8461 3.1 */
export function stsId(records: readonly string[]): string | null {
  const ours = records.filter((record) => /^v=STSv1[ \t]*(;|$)/.test(record));
  if (ours.length !== 1) return null;
  return /;[ \t]*id=([A-Za-z0-9]{1,32})[ \t]*(?:;|$)/.exec(ours[0]!)?.[1] ?? null;
}

/** RFC 8461 4.1 */
export function stsAllows({ mx }: StsPolicy, host: string): boolean {
  return mx.some((pattern) =>
    pattern.startsWith('*.') ? host.slice(host.indexOf('.') + 1) === pattern.slice(2) && host.includes('.') : pattern === host,
  );
}
