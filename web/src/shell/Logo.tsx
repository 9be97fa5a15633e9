// The mark: two jacks, the cord between them, and the lamp that says somebody is calling.
export function Logo({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" className={className} aria-hidden>
      <circle cx="6.5" cy="7" r="3" />
      <circle cx="17.5" cy="17" r="3" />
      <path d="M6.5 10v2.5A4.5 4.5 0 0 0 11 17h3.5" strokeLinecap="round" />
      <circle cx="17.5" cy="7" r="3" fill="var(--lamp)" stroke="none" />
    </svg>
  )
}
