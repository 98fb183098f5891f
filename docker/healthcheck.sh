#!/bin/sh
# Asks the server itself; needs nothing but the Node that runs it.
exec node -e 'fetch("http://127.0.0.1:8025/healthz", { signal: AbortSignal.timeout(4000) }).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))'
