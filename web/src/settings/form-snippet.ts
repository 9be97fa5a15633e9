// The form to paste into any web page: plain HTML, no script of ours on somebody else's site.
import type { Inbox } from '@/api/model'

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

export function formSnippet(origin: string, inbox: Inbox): string {
  return `<!-- ${escape(inbox.name).replaceAll('--', '- -')} -->
<form action="${origin}/forms/${encodeURIComponent(inbox.address)}" method="post">
  <label>Name <input name="name" autocomplete="name" required></label>
  <label>Phone <input name="phone" type="tel" autocomplete="tel"></label>
  <label>E-mail <input name="email" type="email" autocomplete="email"></label>
  <label>Message <textarea name="message" required></textarea></label>
  <button>Send</button>
</form>`
}
