#!/usr/bin/env node
import { runCli } from './run-cli.js'

process.exitCode = await runCli(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
  // A terminal without a width (some containers have one) cannot show a line that changes.
  isTerminal: process.stderr.isTTY && process.stderr.columns > 0,
})
