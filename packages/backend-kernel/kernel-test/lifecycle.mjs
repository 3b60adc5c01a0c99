// What must hold when things end badly: Node is killed, the module is unloaded while in use, rights are missing.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { finish, test } from './check.mjs'
import { slowness } from './slowness.mjs'

const victim = fileURLToPath(new URL('victim.mjs', import.meta.url))
const unprivileged = fileURLToPath(new URL('unprivileged.mjs', import.meta.url))
const references = () => Number(readFileSync('/sys/module/hmm_sdk/refcnt', 'utf8'))

await test('kill -9 during a transfer frees everything, and the agents end', async () => {
  const child = await start()
  assert.ok(references() > 0, 'the module is in use')
  const agents = agentsOf()
  assert.ok(agents.length > 0, 'agents run')
  child.kill('SIGKILL')
  await ended(child)
  await until('the module is free', () => references() === 0)
  await until('the agents are gone', () => agentsOf().length === 0)
})

await test('rmmod is refused while the module is in use, and the driver goes on', async () => {
  const child = await start()
  assert.throws(
    () => execFileSync('rmmod', ['hmm_sdk'], { stdio: 'pipe' }),
    /in use|Resource temporarily/,
  )
  child.stdin.end('finish\n')
  assert.equal(await ended(child), 0)
  await until('the module is free', () => references() === 0)
})

await test('without permission, the error says what to do', () => {
  const output = execFileSync(process.execPath, [unprivileged], { encoding: 'utf8' })
  assert.match(output, /^EACCES .*\/dev\/hmm_sdk/)
  console.log(`# ${output.trim().replaceAll('\n', '\n# ')}`)
})
finish()

/** Starts a driver that transfers until told to finish; resolves when it does transfer. */
async function start() {
  const child = spawn(process.execPath, [victim], { stdio: ['pipe', 'pipe', 'inherit'] })
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve)
    child.once('exit', (code) => reject(new Error(`the driver ended with ${code}`)))
  })
  return child
}

function ended(child) {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  return new Promise((resolve) => child.once('exit', resolve))
}

function agentsOf() {
  try {
    return execFileSync('pgrep', ['-x', 'hmm-agent'], { encoding: 'utf8' }).trim().split('\n')
  } catch {
    return []
  }
}

/** Waits for something that follows in its own time; bounded, and named when it does not come. */
async function until(what, condition) {
  const end = performance.now() + 10_000 * slowness
  while (!condition()) {
    assert.ok(performance.now() < end, `${what}, within ${10 * slowness} s`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
