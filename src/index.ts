export { ConfigError } from './server/config/error.ts';
export { type CreateServerOptions, createServer, type Server } from './server/embed.ts';
export { StartFailure } from './server/failure.ts';
export type { ListenerInfo, ListenerName } from './server/sockets.ts';
