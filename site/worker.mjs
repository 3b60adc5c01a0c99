// Runs one file of the page, with the packages that it imports, and tells what it prints.
import * as api from '@hmm-sdk/hmm-api'
import * as explore from '@hmm-sdk/backend-sim/explore'
import * as sim from '@hmm-sdk/backend-sim'
import { runFile } from './run-file.mjs'

const tell = (message) => globalThis.postMessage(message)
const print = (...values) => tell({ type: 'print', text: values.map(shown).join(' ') })
for (const level of ['log', 'info', 'warn', 'error']) globalThis.console[level] = print

globalThis.addEventListener('message', ({ data: { files, run } }) => void start(files, run))

async function start(files, run) {
  // What the files of the guide use of Node.
  globalThis.process = { exitCode: 0, env: {}, argv: ['node', run] }
  const began = performance.now()
  try {
    await runFile(files, run, {
      '@hmm-sdk/hmm-api': api,
      '@hmm-sdk/backend-sim': sim,
      '@hmm-sdk/backend-sim/explore': explore,
    })
  } catch (error) {
    print(error instanceof Error ? `${error.name}: ${error.message}` : error)
    globalThis.process.exitCode = 1
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  const failed = globalThis.process.exitCode !== 0
  tell({ type: 'end', failed, text: `${failed ? 'failed' : 'passed'} after ${seconds} s` })
}

function shown(value) {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
