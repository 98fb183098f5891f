/** Text of UTF-7 octets; what is broken stays as it is. RFC 2152 */
export function decodeUtf7(latin1: string): string {
  return latin1.replace(/\+([A-Za-z0-9/]*)-?/g, (all: string, base64: string) => {
    if (base64 === '') return all === '+-' ? '+' : all;
    const octets = Buffer.from(base64, 'base64');
    let text = '';
    for (let i = 0; i + 1 < octets.length; i += 2) text += String.fromCharCode((octets[i]! << 8) | octets[i + 1]!);
    return text.toWellFormed();
  });
}
