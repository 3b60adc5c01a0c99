import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Where Chromium is: CHROMIUM, or where distributions put it; undefined if it is nowhere. */
export function chromiumPath() {
  return [process.env.CHROMIUM, ...PLACES].find((path) => path && existsSync(path))
}

/** A headless Chromium that asks nobody for anything. */
export function launchChromium() {
  return chromium.launch({
    executablePath: chromiumPath(),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
