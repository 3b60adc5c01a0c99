#!/usr/bin/env node
import { runCli } from './run-cli.js'

// Whoever read is gone (`| head`): there is nobody to go on for.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

process.exitCode = await runCli(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
  // A terminal without a width (some containers have one) cannot show a line that changes.
  isTerminal: process.stderr.isTTY && process.stderr.columns > 0,
})
