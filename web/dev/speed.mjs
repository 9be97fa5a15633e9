// How the inbox feels with 10,000 conversations while 50 events a second come in: interaction to next paint, long tasks.
// Run the stand-in with CROWD=10000 first: CROWD=10000 DELAY=5 node dev/server.mjs 5198; then node dev/speed.mjs http://127.0.0.1:5198
import { chromium } from 'playwright-core'

const url = process.argv[2] ?? 'http://127.0.0.1:5198'
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
await page.goto(`${url}/sign-in#link=demo`)
await page.waitForURL(/inbox/)
await page.getByTestId('conversation-row').first().waitFor()
const scroller = page.locator('div:has(> ul[aria-label="Conversations"])')
// All of it loaded, page by page, as somebody would who scrolls to the very end.
const total = () => page.locator('ul[aria-label="Conversations"] li').first().getAttribute('aria-setsize')
const start = Date.now()
while ((await total()) === '-1') await scroller.evaluate((element) => element.scrollTo(0, element.scrollHeight))
console.log(`${await total()} conversations loaded in ${((Date.now() - start) / 1000).toFixed(1)} s; rows in the page: ${await page.getByTestId('conversation-row').count()}`)
await scroller.evaluate((element) => element.scrollTo(0, 0))
await page.evaluate(() => {
  globalThis.slow = []
  globalThis.long = []
  new PerformanceObserver((list) => globalThis.slow.push(...list.getEntries().map((entry) => [entry.name, entry.duration]))).observe({ type: 'event', durationThreshold: 16, buffered: true })
  new PerformanceObserver((list) => globalThis.long.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask', buffered: false })
})
await fetch(`${url}/api/v1/_/storm`, { method: 'POST', body: JSON.stringify({ count: 500, per_second: 50 }) })
for (let n = 0; n < 12; n++) {
  await page.keyboard.press('j')
  await page.waitForTimeout(250)
}
await page.keyboard.press('r')
await page.keyboard.type('Typing while the storm goes on', { delay: 60 })
await page.waitForTimeout(3000)
const { slow, long } = await page.evaluate(() => ({ slow: globalThis.slow, long: globalThis.long }))
const durations = slow.map(([, ms]) => ms).sort((a, b) => a - b)
console.log(`interactions over 16 ms: ${durations.length}; median ${durations[durations.length >> 1] ?? 0} ms, worst ${durations.at(-1) ?? 0} ms`)
console.log(`long tasks: ${long.length}, worst ${Math.max(0, ...long)} ms`)
console.log(await page.getByTestId('connection').first().textContent())
await browser.close()
