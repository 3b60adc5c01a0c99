// The steps of the module that can be made to fail (module/fail.c), by their files in debugfs. Root only.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const debugfs = '/sys/kernel/debug'
const folder = join(debugfs, 'hmm_sdk/fail')

/** Why steps cannot be made to fail here, or undefined. */
export function whyNoSteps() {
  if (!existsSync(join(debugfs, 'hmm_sdk'))) {
    try {
      execFileSync('mount', ['-t', 'debugfs', 'none', debugfs], { stdio: 'pipe' })
    } catch {
      // It is there, or the kernel has none.
    }
  }
  return existsSync(folder) ? undefined : `there is no ${folder}: the kernel has no debugfs`
}

/** Counts from zero, with nothing to fail. */
export function startCounting() {
  writeFileSync(join(folder, 'enabled'), '1')
}

export function stopCounting() {
  writeFileSync(join(folder, 'enabled'), '0')
}

/** Makes the `nth` pass from now on fail, 1 for the next. */
export function failStep(step, nth) {
  writeFileSync(join(folder, step, 'nth'), String(nth))
}

/** How often each step was passed, or failed, since counting began. */
export function counted(what) {
  const steps = readdirSync(folder).filter((name) => name !== 'enabled')
  const value = (step) => Number(readFileSync(join(folder, step, what), 'utf8'))
  return Object.fromEntries(steps.map((step) => [step, value(step)]))
}
