// `node scripts/with-setup.mjs COMMAND [ARGUMENTS]`: sets up what the command needs, then runs it. Every
// script of the root package.json goes through here, so that each works as the first one in a clone.
import { join } from 'node:path'
import { root, run, runTool } from './lib.mjs'
import { setup } from './setup.mjs'

const node = (script, ...args) => run(process.execPath, [join(root, script), ...args])

const commands = {
  demo: {
    needs: { javaScript: true },
    run: (args) => node('packages/examples/dist/cli.js', ...(args.length ? args : ['all'])),
  },
  test: { needs: {}, run: (args) => node('scripts/test.mjs', ...args) },
  'demo:kernel': {
    needs: { javaScript: true },
    run: (args) => node('scripts/kernel.mjs', 'demo', ...args),
  },
  'test:kernel': {
    needs: { javaScript: true },
    run: (args) => node('scripts/kernel.mjs', 'test', ...args),
  },
  lockstep: {
    needs: { javaScript: true },
    run: (args) => node('lockstep/cli.mjs', ...args),
  },
  catalogue: {
    needs: { javaScript: true },
    run: (args) => node('catalogue/cli.mjs', ...args),
  },
  kernels: { needs: { javaScript: true }, run: (args) => node('scripts/kernels.mjs', ...args) },
  bench: { needs: { javaScript: true }, run: (args) => node('bench/run.mjs', ...args) },
  performance: {
    needs: { javaScript: true },
    run: (args) => node('scripts/performance.mjs', ...args),
  },
  'first-race': { needs: {}, run: (args) => node('scripts/first-race.mjs', ...args) },
  site: { needs: {}, run: (args) => node('site/build.mjs', ...args) },
  // Reference of everything that the packages export, into site/dist/api.
  'api-docs': {
    needs: { declarations: true },
    run: (args) => runTool('typedoc', args),
  },
  lint: { needs: {}, run: (args) => node('scripts/lint.mjs', ...args) },
  build: { needs: { javaScript: true, declarations: true } },
  // The packages and all tests.
  typecheck: { needs: {}, run: (args) => runTool('typescript', ['-b', ...args]) },
}

const [name, ...rest] = process.argv.slice(2)
const command = Object.hasOwn(commands, name ?? '') ? commands[name] : undefined
if (!command) {
  console.error(`usage: node scripts/with-setup.mjs ${Object.keys(commands).join('|')} [ARGUMENTS]`)
  process.exit(2)
}
await setup(command.needs)
// npm drops the `--` before passed-through arguments, pnpm keeps it.
const args = rest[0] === '--' ? rest.slice(1) : rest
if (command.run) process.exitCode = (await command.run(args)).code
