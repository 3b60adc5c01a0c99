#!/usr/bin/env node
import { runCli } from './run-cli.js'

// Whoever read is gone (`| head`): there is nobody to go on for.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

const { stderr } = process
// A terminal without a width (some containers have one) cannot show a line that changes.
const isTerminal = stderr.isTTY && stderr.columns > 0

process.exitCode = await runCli(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
  ...(isTerminal
    ? { progress: (line) => void stderr.write(`\r${line.slice(0, stderr.columns - 1)}\u001b[K`) }
    : {}),
  folder: process.cwd(),
  worker: new URL('./worker.js', import.meta.url),
})
