// Linking an account: what the server tells while somebody waits. The codes are credentials: they are held in the page's
// memory for as long as they are shown, and nowhere else.
import { ApiError, streamed } from '@/api/client'
import type { PairingNews } from '@/api/model'

export type Wish = { mode: 'qr' } | { mode: 'code'; phone: string }

/** The server says every two seconds that it is there. */
const SILENCE_MS = 15_000

/** Cuts the stream's text into its events. Comments and what this version does not know are passed over. */
export class News {
  private held = ''

  read(text: string): PairingNews[] {
    this.held += text
    const blocks = this.held.split('\n\n')
    this.held = blocks.pop() ?? ''
    return blocks.flatMap((block) => {
      const data = block
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).trimStart())
        .join('\n')
      const news = data ? (JSON.parse(data) as PairingNews) : null
      return news && ['qr', 'code', 'linked', 'failed'].includes(news.type) ? [news] : []
    })
  }
}

/** Begins to link and tells what happens until it is over; `interrupted` when the stream ended without an outcome. */
export async function pair(sessionId: string, wish: Wish, signal: AbortSignal, tell: (news: PairingNews) => void): Promise<void> {
  const silence = new AbortController()
  const either = AbortSignal.any([signal, silence.signal])
  let timer = setTimeout(() => silence.abort(), SILENCE_MS)
  try {
    const reader = (await streamed(`/api/v1/whatsapp-sessions/${sessionId}/pairing`, wish, either)).getReader()
    const text = new TextDecoder()
    const news = new News()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), SILENCE_MS)
      for (const item of news.read(text.decode(value, { stream: true }))) {
        tell(item)
        if (item.type === 'linked' || item.type === 'failed') return
      }
    }
  } catch (error) {
    if (signal.aborted) return
    if (error instanceof ApiError) throw error
  } finally {
    clearTimeout(timer)
  }
  tell({ type: 'failed', reason: 'interrupted' })
}
