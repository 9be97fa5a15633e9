// A phone number or another address: always left to right, grouped so that it can be read aloud.
export function readable(address: string): string {
  const north = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(address)
  if (north) return `+1 ${north[1]} ${north[2]} ${north[3]}`
  const other = /^\+(\d{2,3})(\d{2})(\d{3})(\d{2,})$/.exec(address)
  return other ? `+${other[1]} ${other[2]} ${other[3]} ${other[4]}` : address
}

export function Address({ children, className }: { children: string; className?: string }) {
  return (
    <bdi dir="ltr" className={className}>
      {readable(children)}
    </bdi>
  )
}
