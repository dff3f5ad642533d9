#!/bin/sh
# What udhcpc has learned becomes the network.
case $1 in
  deconfig) ip addr flush dev "$interface" ;;
  bound | renew)
    ip addr replace "$ip/${mask:-24}" dev "$interface"
    for r in $router; do ip route replace default via "$r" dev "$interface"; break; done
    : >/run/resolv.conf.new
    for d in $dns; do echo "nameserver $d" >>/run/resolv.conf.new; done
    mv /run/resolv.conf.new /run/resolv.conf ;;
esac
