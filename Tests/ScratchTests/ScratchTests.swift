import Scratch
