// What the scripts share. Plain Node, no dependencies: it runs before anything is installed.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..')
export const cacheDir = join(root, 'node_modules/.cache/hmm-sdk')
export const packages = ['hmm-api', 'backend-sim', 'backend-kernel', 'examples']

/** Runs a command; resolves to its exit code and, when `quiet`, its output. Ends with its parent. */
export function run(command, args, { quiet = false, env = {}, cwd = root } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    })
    let output = ''
    child.stdout?.on('data', (chunk) => (output += chunk))
    child.stderr?.on('data', (chunk) => (output += chunk))
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code: code ?? 1, signal, output }))
  })
}

/** Runs an installed tool by the path of its package's bin, so that no shell or PATH is involved. */
export function runTool(name, args, options) {
  const { bin } = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'))
  const file = typeof bin === 'string' ? bin : (bin[name] ?? Object.values(bin)[0])
  return run(process.execPath, [join(root, 'node_modules', name, file), ...args], options)
}

/** The files below `path` (or `path` itself), in a stable order; none when it does not exist. */
export function* filesBelow(path) {
  let entries
  try {
    entries = readdirSync(path, { withFileTypes: true })
  } catch (error) {
    if (error.code === 'ENOTDIR') yield path
    else if (error.code !== 'ENOENT') throw error
    return
  }
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name === 'node_modules' || entry.name === 'dist') continue
    const child = join(path, entry.name)
    if (entry.isDirectory()) yield* filesBelow(child)
    else yield child
  }
}

/** A hash of names and contents: equal inputs give an equal stamp, whatever their times. */
export function contentStamp(paths) {
  const hash = createHash('sha256').update(process.version)
  for (const path of paths) {
    for (const file of filesBelow(join(root, path))) {
      hash.update(`\0${relative(root, file)}\0`).update(readFileSync(file))
    }
  }
  return hash.digest('hex')
}

export function readStamp(name) {
  try {
    return readFileSync(join(cacheDir, `${name}.stamp`), 'utf8')
  } catch {
    return undefined
  }
}

export function writeStamp(name, stamp) {
  mkdirSync(cacheDir, { recursive: true })
  writeFileSync(join(cacheDir, `${name}.stamp`), stamp)
}

/** Announces a step, runs it, and says how long it took. A failure shows the output and ends here. */
export async function step(what, action) {
  const started = performance.now()
  process.stderr.write(`${what} ... `)
  const { code, output } = await action()
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  process.stderr.write(code === 0 ? `${seconds} s\n` : `failed after ${seconds} s\n`)
  if (code !== 0) {
    process.stderr.write(output ?? '')
    process.exit(code)
  }
}
