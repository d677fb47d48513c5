package access

import "net/netip"

// Address is the IP address as text, empty when it is not known.
func (c Client) Address() string {
	if !c.IP.IsValid() {
		return ""
	}
	return c.IP.String()
}

// Network is what a client's tries are counted by: its address, or the /64
// network of an IPv6 one, which one subscriber holds whole.
func (c Client) Network() string {
	ip := c.IP.Unmap()
	if !ip.IsValid() {
		return "unknown"
	}
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip.WithZone(""), 64).Masked().String()
}
