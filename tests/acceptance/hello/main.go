// hello is the static program of the images that the acceptance tests build from scratch.
package main

func main() { println("hello from scratch") }
