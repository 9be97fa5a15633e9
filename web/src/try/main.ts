// The demo page: anybody calls a business's agent from here. Small on purpose, so it is plain DOM: the staff app and its
// libraries are not loaded, and nothing of it is within reach.
import './try.css'
import { Caller, type Change, idle, type Levels } from '@/phone/caller'
import type { Words } from '@/phone/stream'
import { en, type Texts } from './texts'

const languages = { en: 'English', he: 'עברית', ar: 'العربية' }
type Language = keyof typeof languages
const files: Record<Language, () => Promise<Texts>> = {
  en: () => Promise.resolve(en),
  he: () => import('./he').then((file) => file.default),
  ar: () => import('./ar').then((file) => file.default),
}

interface Welcome {
  business: string
  agent: string
  max_duration_s: number
}

const at = <T extends HTMLElement = HTMLElement>(id: string) => document.getElementById(id) as T
const key = location.pathname.split('/').at(-1) ?? ''
const page = at('page')
const button = at<HTMLButtonElement>('button')
const muteButton = at<HTMLButtonElement>('mute')
const transcript = at('transcript')

let texts: Texts = en
let welcome: Welcome | null = null
/** Why there is no telephone here, if there is none. */
let missing: 'closed' | 'unreachable' | null = null
let now: Change = idle
let permission: PermissionState | null = null
const lines = new Map<number, Words>()

const caller = new Caller({
  begin: () => ask('POST', `/api/v1/demo-pages/${encodeURIComponent(key)}/calls`),
  change: (change) => {
    if (change.state === 'asking') lines.clear()
    now = { ...now, ...change }
    show()
  },
  levels: showLevels,
  words: (words) => {
    lines.set(words.ordinal, words)
    showWords()
  },
})

/** Fails with `status`, 0 when nobody answered, and the problem's `code`. */
async function ask<T>(method: string, path: string): Promise<T> {
  let answer: Response
  try {
    answer = await fetch(path, { method, signal: AbortSignal.timeout(15_000) })
  } catch {
    throw Object.assign(new Error(), { status: 0 })
  }
  if (answer.ok) return answer.json()
  const problem: { code?: string } = await answer.json().catch(() => ({}))
  throw Object.assign(new Error(), { status: answer.status, code: problem.code })
}

const fill = (text: string, values: Record<string, string>) => text.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '')

function write(id: string, text: string) {
  const place = at(id)
  if (place.textContent !== text) place.textContent = text
}

function icon(place: HTMLElement, name: string) {
  place.querySelector('use')?.setAttribute('href', `#${name}`)
}

function show() {
  const { state } = now
  const busy = state === 'asking' || state === 'dialling' || state === 'ringing' || state === 'talking'
  page.dataset.state = missing ?? (welcome ? state : 'loading')
  page.dataset.sent = String(now.sent)
  page.dataset.marks = String(now.marks)
  page.dataset.call = now.callId ?? ''
  page.dataset.problem = now.problem ?? ''
  at('call').hidden = !welcome || missing !== null
  at('head').hidden = at('call').hidden
  at('notice').hidden = !missing
  if (missing) showNotice(missing)
  if (!welcome || missing) return
  write('about', fill(texts.about, { agent: welcome.agent }))
  write('business', welcome.business)
  document.title = welcome.business
  write('terms', fill(texts.terms, { minutes: String(Math.ceil(welcome.max_duration_s / 60)) }))
  const words = busy ? texts.hang_up : state === 'ended' || state === 'failed' ? texts.again : texts.call
  button.setAttribute('aria-label', words)
  write('button-words', words)
  icon(button, busy ? 'hang-up' : 'phone')
  showStatus()
  at('explain').hidden = busy && state !== 'asking'
  at('explain').querySelector('span')!.textContent = permission === 'granted' ? texts.allowed : permission === 'denied' ? texts.denied : texts.explain
  at('during').hidden = state !== 'ringing' && state !== 'talking'
  muteButton.setAttribute('aria-pressed', String(now.muted))
  icon(muteButton, now.muted ? 'muted' : 'microphone')
  muteButton.querySelector('span')!.textContent = now.muted ? texts.unmute : texts.mute
}

function showStatus() {
  const { state, problem } = now
  const failed = state === 'failed' ? (problem === 'not_signed_in' ? 'refused' : (problem ?? 'refused')) : null
  const [title, help] = failed ? [texts[failed], texts[`${failed}_help`]] : [texts[state === 'failed' ? 'refused' : state], length()]
  const place = at('status')
  const said = `${title}|${help}`
  // A screen reader says it once, not each second.
  if (place.dataset.said === said) return
  place.dataset.said = said
  const first = document.createElement('p')
  first.textContent = title
  first.className = failed ? 'trouble' : ''
  const second = document.createElement('p')
  second.textContent = help
  if (!failed && help) {
    second.dir = 'ltr'
    second.setAttribute('role', 'timer')
  }
  place.replaceChildren(first, second)
}

function length(): string {
  if (now.startedAt === null) return ''
  const seconds = Math.max(0, Math.floor(((now.endedAt ?? Date.now()) - now.startedAt) / 1000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

function showNotice(why: 'closed' | 'unreachable') {
  const title = document.createElement('h1')
  title.textContent = texts[why]
  const help = document.createElement('p')
  help.textContent = texts[`${why}_help`]
  const again = document.createElement('button')
  again.type = 'button'
  again.textContent = texts.try_again
  again.onclick = () => void arrive()
  at('notice').replaceChildren(title, help, ...(why === 'unreachable' ? [again] : []))
}

function showWords() {
  const following = transcript.scrollTop + transcript.clientHeight >= transcript.scrollHeight - 40
  transcript.replaceChildren(
    ...[...lines.values()]
      .sort((one, other) => one.ordinal - other.ordinal)
      .filter(({ text }) => text.trim())
      .map(({ speaker, text, whole }) => {
        const line = document.createElement('div')
        line.dataset.speaker = speaker
        if (!whole) line.dataset.partial = ''
        const who = document.createElement('b')
        who.textContent = speaker === 'caller' ? texts.you : speaker === 'agent' ? (welcome?.agent ?? '') : texts.staff
        const what = document.createElement('p')
        what.dir = 'auto'
        what.textContent = text
        line.append(who, what)
        return line
      }),
  )
  at('words').hidden = transcript.childElementCount === 0
  if (following) transcript.scrollTop = transcript.scrollHeight
}

const BARS = 14
const meters: Record<keyof Levels, HTMLElement> = { microphone: meter(), ear: meter() }

function meter(): HTMLElement {
  const bars = document.createElement('div')
  bars.setAttribute('role', 'meter')
  bars.setAttribute('aria-valuemin', '0')
  bars.setAttribute('aria-valuemax', '100')
  bars.append(...Array.from({ length: BARS }, () => document.createElement('i')))
  return bars
}

function showLevels(levels: Levels) {
  for (const side of ['microphone', 'ear'] as const) {
    const lit = Math.round(levels[side] * BARS)
    meters[side].setAttribute('aria-valuenow', String(Math.round(levels[side] * 100)))
    for (let n = 0; n < BARS; n++) meters[side].children[n]!.toggleAttribute('data-lit', n < lit)
  }
}

function layMeters() {
  const rows = ([['microphone', texts.you], ['ear', welcome?.agent ?? '']] as const).flatMap(([side, name]) => {
    const who = document.createElement('dt')
    who.textContent = name
    const level = document.createElement('dd')
    meters[side].setAttribute('aria-label', name)
    level.append(meters[side])
    return [who, level]
  })
  at('meters').replaceChildren(...rows)
}

function preferred(): Language {
  let chosen: string | null = null
  try {
    chosen = localStorage.getItem('switchboard.language')
  } catch {
    // Storage may be forbidden: the browser's languages decide.
  }
  const wishes = [chosen ?? '', ...navigator.languages].map((wish) => wish.slice(0, 2))
  return (wishes.find((wish) => wish in languages) ?? 'en') as Language
}

async function speak(language: Language) {
  texts = await files[language]().catch(() => en)
  document.documentElement.lang = language
  document.documentElement.dir = language === 'en' ? 'ltr' : 'rtl'
  const select = at<HTMLSelectElement>('language')
  select.replaceChildren(...Object.entries(languages).map(([value, name]) => new Option(name, value, false, value === language)))
  write('language-label', texts.language)
  write('words-title', texts.transcript)
  layMeters()
  showLevels({ microphone: 0, ear: 0 })
  delete at('status').dataset.said
  show()
  showWords()
}

async function arrive() {
  try {
    welcome = await ask<Welcome>('GET', `/api/v1/demo-pages/${encodeURIComponent(key)}`)
    missing = null
  } catch (error) {
    missing = (error as { status: number }).status === 404 ? 'closed' : 'unreachable'
  }
  layMeters()
  show()
}

async function watchPermission() {
  try {
    const status = await navigator.permissions.query({ name: 'microphone' as PermissionName })
    const read = () => {
      permission = status.state
      show()
    }
    status.onchange = read
    read()
  } catch {
    // Some browsers do not tell; then the explanation stays.
  }
}

button.onclick = () => {
  if (button.getAttribute('aria-label') === texts.hang_up) caller.hangUp()
  else void caller.call().then(showWords)
}
muteButton.onclick = () => caller.mute(!now.muted)
at<HTMLSelectElement>('language').onchange = ({ target }) => {
  const language = (target as HTMLSelectElement).value as Language
  try {
    localStorage.setItem('switchboard.language', language)
  } catch {
    // Then it holds until the page is closed.
  }
  void speak(language)
}
// Leaving the page hangs up: the business's line is free at once.
addEventListener('pagehide', () => caller.hangUp())
setInterval(() => now.state === 'talking' && show(), 1_000)

await Promise.all([speak(preferred()), arrive()])
void watchPermission()
