import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildPage } from './build.mjs'
import { chromiumPath, launchChromium } from './chromium.mjs'

// Skipped only where no Chromium is installed; CI installs one and says so if it cannot.
const inBrowser = test.skipIf(chromiumPath() === undefined && process.env.CI === undefined)

let browser
let folder
let page
const errors = []

beforeAll(async () => {
  if (chromiumPath() === undefined) return
  folder = mkdtempSync(join(tmpdir(), 'hmm-site-'))
  const file = join(folder, 'first-race.html')
  writeFileSync(file, await buildPage())
  browser = await launchChromium()
  page = await browser.newPage({ viewport: { width: 1100, height: 900 } })
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('request', (request) => {
    if (/^https?:/.test(request.url())) errors.push(`the page asks for ${request.url()}`)
  })
  await page.goto(pathToFileURL(file).href)
}, 60_000)

afterAll(async () => {
  await browser?.close()
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
})

const raceButton = (nth) => page.locator('figure.output[data-run="race.mjs"]').nth(nth)

/** Clicks the n-th "Run race.mjs", and returns how it ended and what it printed. */
async function race(nth) {
  const figure = raceButton(nth)
  await figure.getByRole('button').click()
  await figure.and(page.locator('[data-state="passed"], [data-state="failed"]')).waitFor()
  return {
    state: await figure.getAttribute('data-state'),
    output: await figure.locator('pre').textContent(),
  }
}

inBrowser('the race appears, as the guide says', async () => {
  const expected = await raceButton(0).locator('pre').textContent()
  const { state, output } = await race(0)
  expect(state).toBe('failed')
  expect(output.trim()).toBe(expected.trim())
  expect(output).toContain('what is not mapped any more')
})

inBrowser('it vanishes when the reader puts the mended driver in', async () => {
  const changes = page.locator('figure.change')
  await changes.nth(0).getByRole('button').click()
  expect(await race(1)).toMatchObject({ state: 'failed' })
  await changes.nth(1).getByRole('button').click()
  expect(await race(2)).toMatchObject({ state: 'passed' })
})

inBrowser('it comes back when the reader edits the driver', async () => {
  const editor = page.locator('figure.file[data-file="driver.mjs"]')
  // Without what drops translations, an invalidation leaves them in the table.
  await editor.getByText('table.delete(page)').click({ clickCount: 3 })
  await page.keyboard.press('Delete')
  expect(await race(2)).toMatchObject({ state: 'failed' })
  await editor.getByRole('button', { name: 'Reset' }).click()
  expect(await race(2)).toMatchObject({ state: 'failed' })
})

inBrowser('the page has no errors and needs no network', () => {
  expect(errors).toEqual([])
})
