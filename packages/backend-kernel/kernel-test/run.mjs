// Everything that is tested against a kernel with the module loaded, each stage a process of its own, so that
// one that dies or hangs does not take the others with it. `node run.mjs [STAGE...] [ADDRESS...]`: what has
// a slash is the address of conformance cases.
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { addDax } from './dax.mjs'
import { addDisk } from './disk.mjs'
import { addPeer } from './peer-device.mjs'
import { quietMemory } from './quiet-memory.mjs'
import { slowness } from './slowness.mjs'
import { addSwap } from './swap.mjs'

const here = dirname(fileURLToPath(import.meta.url))
/** Each stage is the file of its name. Seconds under emulation; `faults`: its device meets the IOMMU's refusal. */
const stages = {
  conformance: { seconds: 600 },
  'conformance-coherent': { seconds: 300 },
  'conformance-edu': { seconds: 600, faults: true },
  'dma-shapes': { seconds: 600, faults: true },
  examples: { seconds: 300 },
  dmirror: { seconds: 900 },
  'dmirror-upstream': { seconds: 600 },
  'fail-every-step': { seconds: 300 },
  record: { seconds: 120 },
  lifecycle: { seconds: 120 },
  'random-ioctls': { seconds: 120 },
  'module-paths': { seconds: 120 },
  lockdown: { seconds: 60 },
}

const words = process.argv.slice(2)
const addresses = words.filter((word) => word.includes('/'))
const wanted = words.filter((word) => !word.includes('/'))
const unknown = wanted.filter((name) => !Object.hasOwn(stages, name))
if (unknown.length > 0) {
  console.error(`no stage ${unknown.join(', ')}; the stages are ${Object.keys(stages).join(', ')}`)
  process.exit(2)
}

console.log(`# ${addSwap()}`)
console.log(`# ${addDax()}`)
console.log(`# ${addDisk()}`)
console.log(`# ${addPeer()}`)
console.log(`# ${quietMemory()}`)
const total = { passed: 0, failed: 0, skipped: 0 }
for (const [name, limits] of Object.entries(stages)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`--- ${name}`)
  const started = performance.now()
  const { code, counts } = await stage(name, limits)
  // A stage that ends badly, or without its line, has failed, whatever it counted.
  if (counts === undefined || (code !== 0 && counts.failed === 0)) {
    console.log(
      `not ok ${name}: ended with ${code} ${counts === undefined ? 'and no closing line' : ''}`,
    )
    total.failed += 1
  }
  for (const key of Object.keys(total)) total[key] += counts?.[key] ?? 0
  console.log(`--- ${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed > 0 ? 1 : 0

function stage(name, { seconds, faults = false }) {
  const program = [join(here, `${name}.mjs`), ...addresses]
  const command = faults ? [join(here, 'expect-dmar.mjs'), name, ...program] : program
  return new Promise((resolve) => {
    // An emulated processor is slow with code that changes: without a compiler at run time all is faster.
    const child = spawn(process.execPath, ['--jitless', ...command], {
      stdio: ['ignore', 'pipe', 'inherit'],
      // A group of its own: what a stage has started ends with it.
      detached: true,
    })
    const limit = setTimeout(
      () => {
        try {
          if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
        } catch {
          // It has just ended.
        }
      },
      seconds * slowness * 1000,
    )
    let last
    let rest = ''
    child.stdout.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()
      for (const line of lines) {
        const match = /^(\d+) passed, (\d+) failed, (\d+) skipped$/.exec(line)
        if (match) last = { passed: +match[1], failed: +match[2], skipped: +match[3] }
        else console.log(line)
      }
    })
    child.on('close', (code, signal) => {
      clearTimeout(limit)
      resolve({ code: code ?? signal, counts: last })
    })
  })
}
