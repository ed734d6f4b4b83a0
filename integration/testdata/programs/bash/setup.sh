for i in $(seq 50); do echo "$((i * 7919 % 101)) line $i"; done >input
