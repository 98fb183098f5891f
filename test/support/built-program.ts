/** In the place of src/base/program.ts: threads and processes that tests start load in a third of the time as they are in dist. */
export const program = (name: string): URL => new URL(`../../dist/${name}.js`, import.meta.url);
