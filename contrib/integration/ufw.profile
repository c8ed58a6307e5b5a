[minivpn]
title=minivpn server
description=VPN over DTLS: lets clients in where Listen is 4433, the default
ports=4433/udp
