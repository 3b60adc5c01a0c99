// `node test/vm/run.mjs NAME [OPTIONS OF THE HARNESS]`: bundles test/vm/NAME.ts from the sources and runs it in the
// virtual machine.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '../..')
const [name, ...options] = process.argv.slice(2)
const settings = Object.entries(process.env).flatMap(([key, value]) =>
  /^HMM_SDK_(ONLY|DEMO|ISOLATION)$/.test(key) ? [`${key}=${value}`] : [],
)
// One level below the package's folder, as the sources are; not in dist/, which builds clean.
const output = join(root, 'node_modules', `vm-${name}.mjs`)
await build({
  entryPoints: [join(here, `${name}.ts`)],
  outfile: output,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  conditions: ['@hmm-sdk/source'],
  external: ['jiti', 'zod'],
  logLevel: 'warning',
  banner: {
    js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);",
  },
})
const run = spawnSync(
  process.execPath,
  [
    join(root, 'vm/cli.mjs'),
    'run',
    ...options,
    '--',
    '/usr/bin/env',
    ...settings,
    process.execPath,
    output,
  ],
  { stdio: 'inherit' },
)
process.exitCode = run.status ?? 1
